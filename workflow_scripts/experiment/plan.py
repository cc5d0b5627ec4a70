"""What `make plan` says an experiment will cost: time, disk and memory.

Hours rest on speeds that were measured on this machine's device, see `throughput`; for what nobody measured there, on
the speed that the experiment states with its source.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from workflow_scripts.experiment.costs import (
    GIB,
    count_passes,
    count_trained,
    embedding_bytes,
    largest_array_bytes,
    packed_bytes,
)
from workflow_scripts.experiment.gpu_shares import activation_memory, get_gpu_share
from workflow_scripts.experiment.runs import Run, get_settings, list_runs, list_sources
from workflow_scripts.experiment.throughput import CPU, Throughput, Workload, get_workload, name_device, read_measured
from workflow_scripts.support.gpus import find_gpus

# RAM of a process with its libraries, and of batches that are prepared; on a GPU, with CUDA's part of it.
PROCESS, PROCESS_WITH_GPU = GIB, 3 * GIB
PROBED = 4 * GIB  # of training embeddings, side by side


def describe_costs(config: dict[str, Any]) -> str:
    """Return the costs of an experiment as a few lines of text. config: complete."""
    runs = list_runs(config)
    trained = {run: count for run in runs if (count := count_trained(config, run))}
    packed = {source: packed_bytes(config, source) for source in list_sources(config)}
    embedded = max(embedding_bytes(config, run) for run in runs)
    sizes = ", ".join(f"{source} {say_size(size)}" for source, size in packed.items())
    seeds = len(config["seeds"])
    return "\n".join(
        [
            f"Experiment {config['experiment']}, {seeds} seed{'' if seeds == 1 else 's'}",
            f"Runs: {len(runs)}, of which to train: {len(trained)}",
            *describe_training(config, trained),
            *describe_sharing(config, list(trained)),
            "  evaluations, data and report come on top",
            f"Disk: {say_size(sum(packed.values()))} of packed data ({sizes}), beside raw images and archives; up "
            f"to {say_size(embedded)} of embeddings while a run is evaluated, then deleted",
            f"RAM, reckoned: {max(training_ram(config, run) for run in runs) / GIB:,.0f} GiB a training and up to "
            f"{max(evaluation_ram(config, run) for run in runs) / GIB:,.0f} GiB an evaluation; data and embeddings "
            "stay on disk and are read from there, so that more RAM only makes it faster",
        ]
    )


def training_ram(config: dict[str, Any], run: Run) -> int:
    """Return what a training needs of a machine's memory [bytes], at most; its data are mapped, not loaded."""
    if not str(config["throughput"]["device"]).startswith(CPU):
        return PROCESS_WITH_GPU
    return PROCESS + 2 * activation_memory(config, run)


def evaluation_ram(config: dict[str, Any], run: Run) -> int:
    """Return what an evaluation needs of this machine's memory [bytes], at most.

    It holds as many arrays of embeddings as `evaluation.storage` lets it probe side by side, at least two, and one that
    is made: the others stay on disk.
    """
    array = largest_array_bytes(config, run)
    return training_ram(config, run) + min(embedding_bytes(config, run), max(PROBED, 2 * array) + array)


@dataclass
class Estimate:
    """Hours of trainings on a device, and what they rest on.

    measured: rows that were used. guessed: workloads without a row, taken at the speed of the slowest row of their
    encoder and resolution. unknown: images to read by run, of the trainings for which there is not even that; `hours`
    are without them.
    """

    hours: float
    measured: list[Throughput]
    guessed: list[Workload]
    unknown: dict[Run, int]

    def describe(self) -> list[str]:
        """Return lines that say what the hours rest on."""
        alike: dict[tuple[str, str], list[str]] = {}
        for row in self.measured:
            data = f"{row.encoder} at {row.resolution} px" if row.resolution else f"{row.encoder} on rows"
            alike.setdefault((data, row.source), []).append(f"{row.method} {row.images_per_second:,.0f}")
        lines = [f"  {data}, measured: {', '.join(rows)} images/s ({source})" for (data, source), rows in alike.items()]
        if self.guessed:
            names = ", ".join(dict.fromkeys(method for method, _, _ in self.guessed))
            lines.append(f"  not measured there, taken as the slowest of their encoder: {names}")
        return lines


def estimate_hours(config: dict[str, Any], trained: dict[Run, int], measured: dict[Workload, Throughput]) -> Estimate:
    """Return the hours that trainings take at measured speeds. trained: images to read by run."""
    estimate = Estimate(0.0, [], [], {})
    for run, count in trained.items():
        workload = get_workload(config, run)
        alike = [row for row in measured.values() if row.workload[1:] == workload[1:]]
        if not alike:
            estimate.unknown[run] = count
            continue
        row = measured.get(workload) or min(alike, key=lambda row: row.images_per_second)
        if row.workload != workload and workload not in estimate.guessed:
            estimate.guessed.append(workload)
        if row not in estimate.measured:
            estimate.measured.append(row)
        # Of another method's images, each of which is encoded another number of times.
        slower = count_passes(run.method) / count_passes(row.method)
        estimate.hours += slower * count / row.images_per_second / 3600
    return estimate


def get_stated_speed(config: dict[str, Any], run: Run) -> float:
    """Return the speed that an experiment states for a run [images/s]: that of its encoder, if it has one.

    It is of methods that encode each image once; of one that does so twice, half of it.
    """
    stated, encoder = config["throughput"], get_settings(config, run)["encoder"]
    own = (speed for name, speed in stated.get("of_encoders", {}).items() if config["encoders"][name] == encoder)
    return float(next(own, stated["images_per_second"])) / count_passes(run.method)


def describe_training(config: dict[str, Any], trained: dict[Run, int]) -> list[str]:
    """Return lines on the hours of trainings: on this machine's device, then on others of which speeds are known.

    trained: images to read by run.
    """
    here, images, stated = name_device(config), sum(trained.values()), config["throughput"]
    estimates = {device: estimate_hours(config, trained, rows) for device, rows in read_measured(config).items()}
    own = estimates.pop(here, Estimate(0.0, [], [], trained))
    slower = "".join(f", {name} {speed:g}" for name, speed in stated.get("of_encoders", {}).items())
    speed = f"{stated['images_per_second']:g} images/s{slower} on one {stated['device']}: {stated['source']}"
    hours = own.hours + sum(count / get_stated_speed(config, run) / 3600 for run, count in own.unknown.items())
    if not images:
        lines = ["Training: nothing is left to train"]
    elif not own.measured:
        lines = [f"Training: {images:,} images, {say_time(hours, str(stated['device']))} (stated, at {speed})"]
    else:
        beside = min(len(trained), count_beside(config)) if here == CPU else 1
        wall = f", {say_time(hours / beside)} with {beside} trainings at a time" if beside > 1 else ""
        lines = [f"Training: {images:,} images, {say_time(hours)} on {here}, this machine's device{wall}"]
        lines += own.describe()
        if own.unknown:
            lines.append(f"  stated, for the other {sum(own.unknown.values()):,} images: {speed}")
    for device, other in estimates.items():
        if other.measured:
            missing = f" without {len(other.unknown)} trainings that are not known there" if other.unknown else ""
            lines += [f"  On {device}: {say_time(other.hours)}{missing}", *(f"  {line}" for line in other.describe())]
    return lines


def say_time(hours: float, device: str = "") -> str:
    """Return a time in hours, or minutes where it is less than one; of a device: "3.2 GPU hours"."""
    unit, count = ("hours", f"{hours:,.1f}") if hours >= 1 else ("minutes", f"{max(1, round(60 * hours))}")
    return " ".join(filter(None, [count, device, unit]))


def say_size(size: int) -> str:
    """Return a size in GiB, or MiB where it is less than one."""
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{max(1, round(size / 2**20))} MiB"


def count_beside(config: dict[str, Any]) -> int:
    """Return how many trainings run at a time on this machine's processors."""
    return max(1, len(os.sched_getaffinity(0)) // int(config["engine"]["threads"]))


def describe_sharing(config: dict[str, Any], runs: list[Run]) -> list[str]:
    """Return a line on how trainings share this machine's GPUs; none where it has none. runs: to train."""
    gpus = [] if config["engine"]["device"] == "cpu" else find_gpus()
    if not gpus or not runs:
        return []
    shares = Counter(get_gpu_share(config, run, "training") for run in runs)
    texts = (f"{count} need {share} % of one" for share, count in sorted(shares.items()))
    return [f"GPUs: {len(gpus)}; of the trainings {', '.join(texts)}"]
