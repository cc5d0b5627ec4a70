"""Pretraining against its ceiling and against a straightforward loop, and how a step's cost grows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from workflow_scripts.benchmarks.experiments import list_methods, read_config
from workflow_scripts.benchmarks.measuring import Measurement, summarise, time_in_turn
from workflow_scripts.benchmarks.setting import SIDES, Setting, prepare
from workflow_scripts.data.views.base import Views
from workflow_scripts.experiment.runs import get_settings
from workflow_scripts.experiment.throughput import CPU, Throughput, describe_encoder
from workflow_scripts.methods.base import Method
from workflow_scripts.support.files import read_json
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.training.compilation import EncoderCompiler
from workflow_scripts.training.devices import mixed_precision
from workflow_scripts.training.loop import Engine, train

Mode = Literal["off", "on"]  # of `engine.compile`

# Settings of a reference that has them, against which the cost of a step is measured: widths of a transformer, and
# tokens of a block, the context of a training.
GROWTH = {"width": ("width", (64, 128, 256)), "block": ("block_tokens", (32, 128, 512))}


class Forgetful:
    """Stands in for a `TrainingState` where nothing is to be kept."""

    name, run = "benchmark", Path("benchmark")

    def load(self, device: torch.device) -> None:
        """There is no checkpoint."""

    def save(self, *state: Any) -> None:
        """Keep nothing."""

    def log(self, line: dict[str, Any]) -> None:
        """Write nothing."""

    def truncate_history(self, step: int) -> None:
        """There is no history."""


def make_trainer(
    method: Method, views: Views, settings: dict[str, Any], steps: int, compile: Mode = "off"
) -> Callable[[], None]:
    """Return the pipeline's own training of a few steps. compile: whether it compiles the encoder."""
    device = next(method.parameters()).device
    training = {**settings["training"], "steps": steps}
    engine = Engine(device, checkpoint_seconds=1e9, compile=compile)

    def run() -> None:
        train(method, views, training, 0, Forgetful(), engine)  # type: ignore[arg-type]

    return run


def make_ceiling(
    method: Method, views: Views, settings: dict[str, Any], steps: int, compile: Mode = "off"
) -> Callable[[], None]:
    """Return the least a training must do: forward and backward passes on one batch that is already there."""
    device, size = next(method.parameters()).device, settings["training"]["batch"]
    batch = views.sample(np.arange(size), method.sharing(), 0, "benchmark")
    compiler = EncoderCompiler(method.encoder, compile, device.type, steps, size)

    def run() -> None:
        for step in range(steps):
            method.zero_grad(set_to_none=True)
            with mixed_precision(device), compiler.used_for(batch):
                parts = method.loss(batch, torch_generator(0, "loss", step)).minimised
            torch.stack([part.float() for part in parts.values()]).sum().backward()
        wait(device)

    return run


def wait(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def place(method: Method, device: torch.device) -> Method:
    """Move a method to the device, in channels-last memory, ready to train."""
    method.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    return method


def count_images(method: Method, settings: dict[str, Any]) -> int:
    """Return how many images a step sees."""
    return len(method.sharing()) * int(settings["training"]["batch"])


def measure_training(setting: Setting, name: str, steps: int) -> list[Measurement]:
    """Return a method's steps and images per second, and its share of the ceiling, at the default setting."""
    method, views, settings = prepare(setting, name, SIDES[0])
    place(method, setting.open_device())
    functions = {
        "ours": make_trainer(method, views, settings, steps),
        "ceiling": make_ceiling(method, views, settings, steps),
    }
    seconds = time_in_turn(functions, setting.repeats)
    images = count_images(method, settings)
    return [
        summarise("training", name, "pace", "steps/s", steps / seconds["ours"]),
        summarise("training", name, "images", "images/s", images * steps / seconds["ours"]),
        summarise("training", name, "share of the ceiling", "%", 100 * seconds["ceiling"] / seconds["ours"]),
    ]


def list_throughput(rows: list[Measurement], machine: dict[str, str]) -> list[Throughput]:
    """Return the speeds among measurements as `make plan` reads them. machine: its device, torch and processor."""
    config = read_config()
    runs = list_methods(config)
    device = CPU if machine["device"].startswith(CPU) else machine["device"]
    source = f"make bench, {machine['device']}, torch {machine['torch']}, {machine['processor']}"
    return [
        Throughput(
            runs[row.case].method,
            describe_encoder(get_settings(config, runs[row.case])["encoder"]),
            SIDES[0],
            *(row.value, row.low, row.high, row.n),
            device,
            source,
        )
        for row in rows
        if (row.benchmark, row.quantity) == ("training", "images")
    ]


def measure_against_straightforward(setting: Setting, name: str) -> list[Measurement]:
    """Return how many times faster a method trains on large images than in a loop of the usual kind, from JPEG.

    That loop runs in a process of its own, where the C library treats memory as it does by default. name: of a run
    whose method has such a loop, see `benchmarks/loops`.
    """
    side = SIDES[-1]
    method, views, settings = prepare(setting, name, side)
    plain, _, _ = prepare(setting, name, side)
    loop = load_plugin("benchmarks.loops", settings["method"], "LOOP")
    meta, raw = read_json(setting.packed(side) / "meta.json"), setting.folder / "raw"
    usual = partial(loop, plain, raw, meta, settings["training"], side, setting.open_device())
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, torch.set_num_threads, (torch.get_num_threads(),)) as other:
        functions = {
            "ours": make_trainer(place(method, setting.open_device()), views, settings, 1),
            "straightforward": lambda: other.submit(usual).result(),
        }
        seconds = time_in_turn(functions, setting.repeats)  # both one step of a batch
    ratio = seconds["straightforward"] / seconds["ours"]
    images, title = count_images(method, settings), f"training at {side} px"
    return [
        summarise(title, name, "images", "images/s", images / seconds["ours"]),
        summarise(title, "straightforward loop", "images", "images/s", images / seconds["straightforward"]),
        summarise(title, name, "speed-up over the straightforward loop", "x", ratio),
    ]


def list_growth(settings: dict[str, Any]) -> list[str]:
    """Return what `measure_growth` can vary of a method with these settings."""
    return [*(of for of, (key, _) in GROWTH.items() if key in settings), "resolution"]


def measure_growth(setting: Setting, name: str, of: str, steps: int) -> list[Measurement]:
    """Return seconds of a method's step against "resolution" or a setting of `GROWTH`."""
    cases: dict[int, tuple[int, dict[str, Any]]] = {side: (side, {}) for side in SIDES}
    if of in GROWTH:
        key, sizes = GROWTH[of]
        cases = {size: (SIDES[0], {"settings": {key: size}}) for size in sizes}
    functions = {}
    for size, (side, overlay) in cases.items():
        method, views, settings = prepare(setting, name, side, overlay)
        functions[str(size)] = make_trainer(place(method, setting.open_device()), views, settings, steps)
    seconds = time_in_turn(functions, setting.repeats)
    return [summarise(f"step against {of}", size, "time", "s", values / steps) for size, values in seconds.items()]
