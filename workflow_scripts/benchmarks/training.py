"""Pretraining against its ceiling and against a straightforward loop, and how a step's cost grows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from workflow_scripts.benchmarks.measuring import Row, summarise, time_in_turn
from workflow_scripts.benchmarks.setting import SIDES, Setting, prepare
from workflow_scripts.benchmarks.straightforward import ImagePairs, take_steps
from workflow_scripts.data.views import Views
from workflow_scripts.methods.base import Method
from workflow_scripts.methods.contextssl import ContextSSL
from workflow_scripts.support.files import read_json
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.training.loop import Engine, train

WIDTHS = (64, 128, 256)  # of the context transformer
BLOCKS = (32, 128, 512)  # tokens of a block: the context of a training


class Forgetful:
    """Stands in for a `TrainingState` where nothing is to be kept."""

    name = "benchmark"

    def load(self, device: torch.device) -> None:
        """There is no checkpoint."""

    def save(self, *state: Any) -> None:
        """Keep nothing."""

    def log(self, line: dict[str, Any]) -> None:
        """Write nothing."""

    def truncate_history(self, step: int) -> None:
        """There is no history."""


def make_trainer(method: Method, views: Views, settings: dict[str, Any], steps: int) -> Callable[[], None]:
    """Return the pipeline's own training of a few steps."""
    device = next(method.parameters()).device
    training = {**settings["training"], "steps": steps}

    def run() -> None:
        train(method, views, training, 0, Forgetful(), Engine(device, checkpoint_seconds=1e9))  # type: ignore[arg-type]

    return run


def make_ceiling(method: Method, views: Views, settings: dict[str, Any], steps: int) -> Callable[[], None]:
    """Return the least a training must do: forward and backward passes on one batch that is already there."""
    device = next(method.parameters()).device
    pairs = views.pairs(np.arange(settings["training"]["batch_pairs"]), 0, "benchmark")

    def run() -> None:
        for step in range(steps):
            method.zero_grad(set_to_none=True)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
                parts = method.loss(pairs, torch_generator(0, "loss", step))
            torch.stack([part.float() for part in parts.values()]).sum().backward()
        wait(device)

    return run


def wait(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def place(method: Method, setting: Setting) -> Method:
    """Move a method to the device, in channels-last memory, ready to train."""
    method.to(setting.open_device(), memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    return method


def measure_training(setting: Setting, name: str, steps: int) -> list[Row]:
    """Return a method's steps and images per second, and its share of the ceiling, at the default setting."""
    method, views, settings = prepare(setting, name, SIDES[0])
    place(method, setting)
    functions = {
        "ours": make_trainer(method, views, settings, steps),
        "ceiling": make_ceiling(method, views, settings, steps),
    }
    seconds = time_in_turn(functions, setting.repeats)
    images = 2 * settings["training"]["batch_pairs"]
    return [
        summarise("training", name, "pace", "steps/s", steps / seconds["ours"]),
        summarise("training", name, "images", "images/s", images * steps / seconds["ours"]),
        summarise("training", name, "share of the ceiling", "%", 100 * seconds["ceiling"] / seconds["ours"]),
    ]


def measure_against_straightforward(setting: Setting) -> list[Row]:
    """Return how many times faster ContextSSL trains at 128 pixels than in a loop of the usual kind, from JPEG.

    That loop runs in a process of its own, where the C library treats memory as it does by default.
    """
    side = SIDES[-1]
    method, views, settings = prepare(setting, "contextssl", side)
    plain, _, _ = prepare(setting, "contextssl", side)
    assert isinstance(plain, ContextSSL)
    meta, raw = read_json(setting.packed(side) / "meta.json"), setting.folder / "raw"
    objects = [raw / name.strip("/") for name in np.load(raw / "train_images.npy").tolist()]
    dataset = ImagePairs(objects, meta["views"], side, meta["mean"], meta["std"])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, torch.set_num_threads, (torch.get_num_threads(),)) as other:
        given = plain, dataset, settings["training"], setting.open_device()
        functions = {
            "ours": make_trainer(place(method, setting), views, settings, 1),
            "straightforward": lambda: other.submit(take_steps, *given).result(),
        }
        seconds = time_in_turn(functions, setting.repeats)  # both one step of a batch
    ratio = seconds["straightforward"] / seconds["ours"]
    images = 2 * settings["training"]["batch_pairs"]
    return [
        summarise("training at 128 px", "contextssl", "images", "images/s", images / seconds["ours"]),
        summarise(
            "training at 128 px", "straightforward loop", "images", "images/s", images / seconds["straightforward"]
        ),
        summarise("training at 128 px", "contextssl", "speed-up over the straightforward loop", "x", ratio),
    ]


def measure_growth(setting: Setting, of: str, steps: int) -> list[Row]:
    """Return seconds of a ContextSSL step against "width", "block" (tokens) or "resolution"."""
    overlays: dict[int, tuple[int, dict[str, Any]]]
    if of == "resolution":
        overlays = {side: (side, {}) for side in SIDES}
    else:
        key, sizes = {"width": ("width", WIDTHS), "block": ("block_tokens", BLOCKS)}[of]
        overlays = {size: (SIDES[0], {"method_settings": {key: size}}) for size in sizes}
    functions = {}
    for size, (side, overlay) in overlays.items():
        method, views, settings = prepare(setting, "contextssl", side, overlay)
        functions[str(size)] = make_trainer(place(method, setting), views, settings, steps)
    seconds = time_in_turn(functions, setting.repeats)
    return [summarise(f"step against {of}", size, "time", "s", values / steps) for size, values in seconds.items()]
