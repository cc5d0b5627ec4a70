"""The floor: how many operations and bytes the paper's training needs, counted, not measured.

What follows for a GPU that nobody measured is arithmetic on stated peaks, and called so.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from workflow_scripts.benchmarks.measuring import Row, summarise
from workflow_scripts.benchmarks.setting import read_config
from workflow_scripts.data.actions import make_view_actions
from workflow_scripts.data.views import Pairs
from workflow_scripts.experiment.config import ROOT, read_yaml
from workflow_scripts.experiment.runs import get_settings, list_runs, merge, parse_run
from workflow_scripts.methods.base import make_method
from workflow_scripts.models.encoders import make_encoder
from workflow_scripts.support.seeding import torch_generator

# Dense bfloat16 operations per second with float32 accumulation, of the makers' data sheets.
PEAKS = {"A6000": 154.8e12, "H100": 989.4e12}
AUTHORS_HOURS = 7.5  # on an A6000: "7-8 h" (Gupta et al. 2024)


def read_paper_config() -> dict[str, Any]:
    """Return the config of experiments/paper.yaml."""
    return merge(read_config(), read_yaml(ROOT / "experiments" / "paper.yaml"))


def count_operations(settings: dict[str, Any], side: int) -> int:
    """Return the floating-point operations of a training step, forward and backward, for each pair of images."""
    space = make_view_actions(settings["dataset"]).space()
    encoder = make_encoder(settings["encoder"], side, 0)
    method = make_method(settings["method"], settings["method_settings"], encoder, space, 0, settings["group"]).train()
    count = settings["method_settings"]["block_tokens"] // 2
    inputs = torch.randn(2, count, 3, side, side)
    pairs = Pairs(inputs, torch.randn(count, space.dim), torch.randn(count, space.dim), torch.zeros(count).long())
    with FlopCounterMode(display=False) as counter:
        torch.stack(list(method.loss(pairs, torch_generator(0, "loss", 0)).values())).sum().backward()
    return int(counter.get_total_flops() // count)


def measure_floor() -> list[Row]:
    """Return operations and bytes of the paper's ContextSSL, and the hours they take at stated peaks."""
    config = read_paper_config()
    run = next(run for run in list_runs(config) if run.name == "contextssl")
    settings = get_settings(config, parse_run(run.dataset, run.name, 0))
    source = config["sources"][config["dataset_settings"][run.dataset]["source"]]
    training, side = settings["training"], source["resolution"]
    pairs = training["steps"] * training["batch_pairs"]
    operations = count_operations(settings, side)
    total, image = operations * pairs, 3 * side**2
    achieved = total / (3600 * AUTHORS_HOURS * PEAKS["A6000"])
    rows = [
        ("operations a pair", "GFLOP", operations / 1e9),
        ("operations in all", "PFLOP", total / 1e15),
        ("image bytes read in all", "TB", 2 * pairs * image / 1e12),
        ("share of an A6000's peak in the authors' hours", "%", 100 * achieved),
        ("hours at an H100's peak", "h", total / PEAKS["H100"] / 3600),
        ("hours on an H100 at the authors' share of the peak", "h", total / PEAKS["H100"] / achieved / 3600),
        ("share of an H100's peak for one hour", "%", 100 * total / PEAKS["H100"] / 3600),
        ("image bytes a second for one hour", "MB/s", 2 * pairs * image / 3600 / 1e6),
    ]
    return [summarise("floor", "contextssl, paper", quantity, unit, [value]) for quantity, unit, value in rows]
