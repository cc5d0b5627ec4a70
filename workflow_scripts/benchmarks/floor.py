"""The floor: how many operations and bytes the paper's training needs, counted, not measured.

What follows for a GPU that nobody measured is arithmetic on stated peaks, and called so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from workflow_scripts.benchmarks.experiments import list_methods, paper_experiment, read_compute, read_config
from workflow_scripts.benchmarks.measuring import Measurement, summarise
from workflow_scripts.benchmarks.setting import Setting
from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.config import list_experiments
from workflow_scripts.experiment.runs import get_settings, get_space, parse_run
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.training.run import build_method

# Dense bfloat16 operations per second with float32 accumulation, of the makers' data sheets.
PEAKS = {"A6000": 154.8e12, "H100": 989.4e12}
OBJECTS = 64  # whose operations are counted; transformers take them in blocks that divide it


def is_known() -> bool:
    """Whether there is an experiment with the paper's budget, and a known device that the paper took hours on."""
    return paper_experiment() in list_experiments() and read_compute().get("device") in PEAKS


def open_method(setting: Setting, settings: dict[str, Any], side: int) -> tuple[Method, Any]:
    """Return a run's method on the CPU and a batch of rendered images for it; what is in them does not matter."""
    data, device = setting.packed(side), torch.device("cpu")
    views = open_views(data, settings["dataset"], "train", device)
    method = build_method(settings, Task(views.space, views.classes), data).train()
    return method, views.sample(np.arange(OBJECTS), method.sharing(), 0, "floor")


def count_operations(method: Method, batch: Any) -> float:
    """Return the floating-point operations of a training step, forward and backward, for each object."""
    with FlopCounterMode(display=False) as counter:
        loss = method.loss(batch, torch_generator(0, "loss", 0))
        torch.stack(list(loss.minimised.values())).sum().backward()
    return float(counter.get_total_flops() / batch.views.shape[1])


def measure_floor(setting: Setting) -> list[Measurement]:
    """Return operations and bytes of the paper's training of the reference, and the hours they take at stated peaks."""
    config, compute = read_config(paper_experiment()), read_compute()
    reference, dataset = next(iter(list_methods(read_config()))), config["datasets"][0]
    settings = get_settings(config, parse_run(get_space(config), dataset, reference, 0))
    side = config["sources"][config["dataset_settings"][dataset]["source"]]["resolution"]
    method, batch = open_method(setting, settings, side)
    objects = settings["training"]["steps"] * settings["training"]["batch"]
    operations, images = count_operations(method, batch), len(batch.views)
    total, read, peak = operations * objects, images * objects * 3 * side**2, PEAKS["H100"]
    achieved = total / (3600 * compute["hours"] * PEAKS[compute["device"]])
    rows = [
        ("operations an object", "GFLOP", operations / 1e9),
        ("operations in all", "PFLOP", total / 1e15),
        ("image bytes read in all", "TB", read / 1e12),
        ("share of the peak of the authors' device", "%", 100 * achieved),
        ("hours at an H100's peak", "h", total / peak / 3600),
        ("hours on an H100 at the authors' share of the peak", "h", total / peak / achieved / 3600),
        ("share of an H100's peak for one hour", "%", 100 * total / peak / 3600),
        ("image bytes a second for one hour", "MB/s", read / 3600 / 1e6),
    ]
    case = f"{reference}, {paper_experiment()}"
    return [summarise("floor", case, quantity, unit, [value]) for quantity, unit, value in rows]
