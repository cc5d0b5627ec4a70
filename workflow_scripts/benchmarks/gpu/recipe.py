"""Is a training on a GPU as good as on a CPU? One recipe, several seeds, every row of its evaluation on both.

Single runs differ between devices, since every rounding differs; so what is compared are means over seeds, and the
measure is how much seeds differ.
"""

from __future__ import annotations

import math
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import embed_method, measure_rows, open_data, shorten, train_run
from workflow_scripts.benchmarks.gpu.scale import Check, limit_evaluation, list_timed
from workflow_scripts.training.devices import choose_device

KEY = ("task", "metric", "representation", "condition", "level", "split")  # that make a row what it is
CPU_PART, GPU_PART = "recipe, seed", "recipe on the GPU"  # names of parts, of the former the start
TOLERANCE = 3.0  # standard errors of a difference of two means; chance alone passes it in a few rows of a hundred
AGREEING = 0.9  # share of the rows that must be within it
THREADS = 1  # of a training on the CPU, as in the default experiment


@dataclass(frozen=True)
class ComparedRow:
    """A row on both devices: means over the seeds, and their difference in standard errors."""

    key: tuple[Any, ...]
    cpu: float
    gpu: float
    errors: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is within what seeds differ by."""
        return self.errors <= TOLERANCE


def compare_rows(cpu: Iterable[dict[str, Any]], gpu: Iterable[dict[str, Any]]) -> list[ComparedRow]:
    """Compare rows of several seeds on both devices: those that both have, the least alike first.

    The noise of a row is the standard deviation over the CPU's seeds, but no less than the median of all rows of its
    metric, as that of three values is often too small by chance. The standard error of a difference is noise x sqrt(1 /
    seeds there + 1 / seeds here). Without two seeds on the CPU there is no noise to compare with, and no comparison.
    """
    known, found = _gather(cpu), _gather(gpu)
    spreads = {key: statistics.stdev(values) for key, values in known.items() if len(values) > 1}
    floors: dict[str, list[float]] = defaultdict(list)
    for key, spread in spreads.items():
        floors[key[1]].append(spread)
    compared = []
    for key in spreads.keys() & found.keys():
        first, second = statistics.fmean(known[key]), statistics.fmean(found[key])
        noise = max(spreads[key], statistics.median(floors[key[1]]))
        error = noise * math.sqrt(1 / len(known[key]) + 1 / len(found[key]))
        difference = abs(first - second)
        errors = difference / error if error else (math.inf if difference else 0.0)
        compared.append(ComparedRow(key, first, second, errors))
    return sorted(compared, key=lambda one: (-one.errors, str(one.key)))


def _gather(rows: Iterable[dict[str, Any]]) -> dict[tuple[Any, ...], list[float]]:
    values: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        values[tuple(row[column] for column in KEY)].append(float(row["value"]))
    return values


def is_within_noise(compared: list[ComparedRow]) -> bool:
    """Whether so many rows agree that the devices do."""
    return sum(one.agrees for one in compared) >= AGREEING * len(compared) > 0


def train_seed(check: Check, report: Report, device: str, seed: int, threads: int) -> None:
    """Train and evaluate the recipe's reference with one seed, and report its rows.

    The same on every device: where the check has fewer minutes than it is made for, as many times fewer steps; and
    probes of fewer steps.
    """
    config = read_config(check.scale.recipe)
    _, settings = list_timed(config)[0]
    training = settings["training"]
    training = shorten(training, max(1, round(training["steps"] * min(1.0, check.share))))
    opened = open_data(check.packed("recipe"), {**settings, "seed": seed}, choose_device(device, threads))
    method = train_run(opened, training)
    evaluation = limit_evaluation(config["evaluation"], check.scale.probe_steps)
    folder = check.folder / "runs" / f"seed{seed}-{os.getpid()}"  # several processes train the same seeds
    for row in measure_rows(embed_method(method, opened, evaluation, folder), evaluation):
        report({"device": opened.device.type, "seed": seed, "steps": training["steps"], **row})


def train_on_cpu(check: Check, report: Report, seed: int) -> None:
    """Train one seed on the CPU, and report its rows."""
    train_seed(check, report, "cpu", seed, THREADS)


def train_on_device(check: Check, report: Report) -> None:
    """Train every seed on the GPU, one after another, and report all rows."""
    for seed in range(check.scale.seeds):
        train_seed(check, report, check.device, seed, 1)
