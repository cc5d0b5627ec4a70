"""The speed of every kind of training of further experiments, on images of noise: what `make plan` reckons with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import OpenedData, open_data
from workflow_scripts.benchmarks.gpu.scale import Check
from workflow_scripts.benchmarks.measuring import summarise, time_in_turn
from workflow_scripts.benchmarks.training import count_images, make_trainer, place, wait
from workflow_scripts.data.packed import ARRAYS
from workflow_scripts.experiment.runs import get_settings, list_runs
from workflow_scripts.experiment.throughput import Throughput, Workload, get_workload
from workflow_scripts.support.files import hash_file, write_json
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.training.devices import choose_device

PART = "speeds"
BENCHMARK, QUANTITY = "training on noise", "images"
OBJECTS, CLASSES, HELD_OUT = 4096, 10, 4  # images of a data set of noise, and objects of its test split
TURN = 2.0  # seconds that a turn is to take
TINY_RATE = 1e-8
FEW = 2  # steps that tell how long one takes
MADE = ("augmented", "transformable", "plain")  # kinds of views that are made of one image: noise will do

Workloads = dict[Workload, dict[str, Any]]  # settings of a run of each


def list_workloads(experiments: list[str]) -> Workloads:
    """Return the settings of the first run of every workload that trains on views of single images."""
    found: Workloads = {}
    for config in map(read_config, experiments):
        for run in list_runs(config):
            views = config["dataset_settings"][run.dataset]["views"]["kind"]
            trains = load_plugin("methods", run.method, "METHOD").trains
            if trains and views in MADE:
                found.setdefault(get_workload(config, run), get_settings(config, run))
    return found


def name_workload(workload: Workload) -> str:
    """Return what a workload is called in measurements."""
    method, encoder, resolution = workload
    return f"{method}, {encoder}, {resolution} px"


def pack_noise(folder: Path, resolution: int) -> Path:
    """Write a packed data set of random images, one view an object, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    generator, count = np.random.default_rng(resolution), OBJECTS + HELD_OUT
    arrays: dict[str, np.ndarray] = {
        "inputs": generator.integers(0, 256, (count, 1, resolution, resolution, 3), dtype=np.uint8),
        "latents": np.zeros((count, 1, 0), dtype=np.float32),
        "labels": np.arange(count, dtype=np.int64) % CLASSES,
        "splits": (np.arange(count) >= OBJECTS).astype(np.uint8),
        "objects": np.array([f"{number:06d}" for number in range(count)]),
    }
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", arrays[name], allow_pickle=False)
    about = {"source": "noise", "description": "Random images.", "caveat": "no data at all", "layout": "noise"}
    size = {"resolution": resolution, "views": 1, "classes": list(map(str, range(CLASSES))), "latents": []}
    size |= {"objects": {"train": OBJECTS, "test": HELD_OUT}, "columns": [], "counts": []}
    digests = {f"{name}.npy": hash_file(folder / f"{name}.npy") for name in ARRAYS}
    scale = {"mean": [0.5] * 3, "std": [0.29] * 3, "settings_hash": "", "sha256": digests}
    write_json(folder / "meta.json", {**about, **size, **scale})
    return folder


def measure_workloads(check: Check, report: Report, experiments: list[str]) -> None:
    """Report how fast every workload trains, its encoder not compiled. One that fails is a row with its error."""
    end, longest = time.monotonic() + check.seconds, 0.0
    device = choose_device(check.device, 1)
    for workload, settings in list_workloads(experiments).items():
        case, began = name_workload(workload), time.monotonic()
        if began + longest > end:
            report({"run": case, "error": "there was no time left for it"})
            continue
        try:
            data = check.folder / f"noise{workload[2]}"
            if not data.exists():
                pack_noise(data, workload[2])
            measure_workload(check, report, case, open_data(data, settings, device))
        except Exception as error:
            report({"run": case, "error": f"{type(error).__name__}: {error}"})
        longest = max(longest, time.monotonic() - began)
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure_workload(check: Check, report: Report, case: str, opened: OpenedData) -> None:
    """Report images a second and the peak memory. A turn takes about `TURN` seconds, or the scale's steps."""
    method, device = place(opened.build(), opened.device), opened.device
    # At a rate at which nothing is learned: noise makes some losses diverge.
    settings = {**opened.settings, "training": {**opened.settings["training"], "lr": TINY_RATE}}
    few = make_trainer(method, opened.views, settings, FEW)
    few()  # the first steps choose algorithms
    began = time.perf_counter()
    few()
    wait(device)
    step = (time.perf_counter() - began) / FEW
    steps = min(max(FEW, round(TURN / step)), 4 * check.scale.steps)
    trainer = make_trainer(method, opened.views, settings, steps)
    seconds = time_in_turn({"ours": trainer}, check.scale.repeats)["ours"]
    images = count_images(method, opened.settings) * steps / seconds
    report(summarise(BENCHMARK, case, QUANTITY, "images/s", images))
    if device.type == "cuda":
        report(summarise(BENCHMARK, case, "peak memory of the GPU", "GiB", [torch.cuda.max_memory_allocated() / 2**30]))
        torch.cuda.reset_peak_memory_stats(device)


def list_speeds_of(experiments: list[str], results: dict[str, Any]) -> list[Throughput]:
    """Return the measured speeds of workloads as `make plan` reads them."""
    versions = results["versions"]
    named = {name_workload(workload): workload for workload in list_workloads(experiments)}
    source = f"make gpu-check, {BENCHMARK}, torch {versions['torch']}, bfloat16, eager, {versions['processor']}"
    return [
        Throughput(*named[one["case"]], one["value"], one["low"], one["high"], one["n"], versions["device"], source)
        for part in results["parts"].values()
        for one in part["measurements"]
        if (one["benchmark"], one["quantity"]) == (BENCHMARK, QUANTITY) and one["case"] in named
    ]
