"""What the chip multiplies, and every method's training at the paper's size: its pace, memory and shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.floor import OBJECTS, count_operations
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import open_data
from workflow_scripts.benchmarks.gpu.scale import Check, Scale, find_render, list_timed
from workflow_scripts.benchmarks.measuring import summarise, time_in_turn
from workflow_scripts.benchmarks.training import Mode, count_images, make_ceiling, make_trainer, place, wait
from workflow_scripts.data.views.base import Views
from workflow_scripts.experiment.throughput import Throughput, describe_encoder
from workflow_scripts.methods.base import Method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.training.compilation import EncoderCompiler
from workflow_scripts.training.devices import choose_device, mixed_precision

MODES: tuple[Mode, ...] = ("off", "on")
PACE, IMAGES, WHOLE = "pace", "images", "whole training"  # names of what is measured
PRODUCTS = 10  # of matrices, a turn


def time_products(device: torch.device, side: int, repeats: int) -> np.ndarray:
    """Return the operations per second (repeats,) of products of square bfloat16 matrices, of random numbers."""
    first, second = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))

    def multiply() -> None:
        for _ in range(PRODUCTS):
            first @ second
        wait(device)

    seconds: np.ndarray = time_in_turn({"product": multiply}, repeats)["product"]
    return 2 * side**3 * PRODUCTS / seconds


def measure_machine(check: Check, report: Report) -> None:
    """Report what the chip multiplies in bfloat16: large products, nothing else."""
    device, side = choose_device(check.device, 1), check.scale.matrix
    rates = time_products(device, side, check.scale.repeats)
    report(summarise("machine", f"bfloat16 matrix product, side {side}", "rate", "TFLOP/s", rates / 1e12))
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        report(summarise("machine", torch.cuda.get_device_name(device), "memory", "GiB", [memory]))


def use_compiler(scale: Scale) -> None:
    """Have torch compile nothing in a rehearsal, where that would take longer than everything else."""
    if not scale.compiles:
        torch.compiler.set_stance("force_eager")


def measure_methods(check: Check, report: Report) -> None:
    """Report how every method trains. One that fails is a row with its error, and so is one without time left."""
    end, last = time.monotonic() + check.seconds, dict.fromkeys(MODES, 0.0)
    use_compiler(check.scale)
    device = choose_device(check.device, 1)
    rate = float(np.median(time_products(device, check.scale.matrix, check.scale.repeats)))
    for run, settings in list_timed(read_config(check.scale.speed)):
        for mode in MODES:
            case, began = name_case(run.name, mode), time.monotonic()
            if began + last[mode] > end:
                report({"run": case, "error": "there was no time left for it"})
                continue
            try:
                measure_method(check, report, case, settings, device, rate, mode)
            except Exception as error:
                report({"run": case, "error": f"{type(error).__name__}: {error}"})
            # The first one compiles what others find compiled.
            last[mode] = (time.monotonic() - began) / (1 if last[mode] or mode == "off" else 3)
            if device.type == "cuda":
                torch.cuda.empty_cache()


def measure_method(
    check: Check, report: Report, case: str, settings: dict[str, Any], device: torch.device, rate: float, mode: Mode
) -> None:
    """Report a method's pace with or without a compiled encoder, its memory, and its shares of two ceilings.

    rate: what the chip multiplies [operations/s].
    """
    opened, steps = open_data(check.packed("learning"), settings, device), check.scale.steps
    views, method = opened.views, place(opened.build(), device)
    operations = count_step(method, views, settings)
    if mode == "on":
        report(summarise("training", case, "compiling, forward", "s", [time_compiling(method, views, settings)]))
    trainer, ceiling = (make(method, views, settings, steps, mode) for make in (make_trainer, make_ceiling))
    first, memory = run_first(trainer, device)
    report(summarise("training", case, f"first {steps} steps", "s", [first]))
    if memory:
        report(summarise("training", case, "peak memory of the GPU", "GiB", [memory]))
    seconds = time_in_turn({"ours": trainer, "ceiling": ceiling}, check.scale.repeats)
    pace = steps / seconds["ours"]
    share, multiplied = 100 * seconds["ceiling"] / seconds["ours"], 100 * operations * pace / rate
    report(summarise("training", case, PACE, "steps/s", pace))
    report(summarise("training", case, IMAGES, "images/s", count_images(method, settings) * pace))
    report(summarise("training", case, "share of the ceiling", "%", share))
    report(summarise("training", case, "share of the matrix rate", "%", multiplied))
    report(summarise("training", case, WHOLE, "min", settings["training"]["steps"] / pace / 60))


def time_compiling(method: Method, views: Views, settings: dict[str, Any]) -> float:
    """Return the seconds of the first compiled forward pass. Raises `UserError` where compiling fails.

    A training would go on uncompiled, and be taken for a compiled one here.
    """
    device, size = next(method.parameters()).device, settings["training"]["batch"]
    batch = views.sample(np.arange(size), method.sharing(), 0, "compiling")
    compiler = EncoderCompiler(method.encoder, "on", device.type, 1, size)
    began = time.perf_counter()
    with mixed_precision(device), compiler.used_for(batch):
        method.loss(batch, torch_generator(0, "compiling"))
    wait(device)
    if compiler.failed:
        raise UserError("the encoder cannot be compiled here; the log says why")
    return time.perf_counter() - began


def name_case(name: str, mode: Mode) -> str:
    """Return what a run is called in measurements."""
    return f"{name}, compiled" if mode == "on" else name


def list_speeds(results: dict[str, Any], scale: Scale) -> list[Throughput]:
    """Return the speeds of trainings as `make plan` reads them: with a compiled encoder, where that was measured."""
    versions = results["versions"]
    measured = [one for part in results["parts"].values() for one in part["measurements"]]
    found = {one["case"]: one for one in measured if (one["benchmark"], one["quantity"]) == ("training", IMAGES)}
    resolution = find_render(read_config(scale.learning))[1]["resolution"]
    rows = []
    for run, settings in list_timed(read_config(scale.speed)):
        case = next((case for mode in reversed(MODES) if (case := name_case(run.name, mode)) in found), "")
        if case:
            value, low, high, n = (found[case][key] for key in ("value", "low", "high", "n"))
            source = f"make gpu-check, {case}, torch {versions['torch']}, {versions['processor']}"
            work = run.method, describe_encoder(settings["encoder"]), resolution
            rows.append(Throughput(*work, value, low, high, n, versions["device"], source))
    return rows


def run_first(trainer: Callable[[], None], device: torch.device) -> tuple[float, float]:
    """Run something for the first time, and return its seconds and the peak of the GPU's memory [GiB], 0 on a CPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    trainer()
    wait(device)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
    return time.perf_counter() - began, memory


def count_step(method: Method, views: Views, settings: dict[str, Any]) -> float:
    """Return the floating-point operations of a training step, forward and backward; see `count_operations`."""
    batch = settings["training"]["batch"]
    few = views.sample(np.arange(min(OBJECTS, batch)), method.sharing(), 0, "operations")
    return count_operations(method, few) * batch
