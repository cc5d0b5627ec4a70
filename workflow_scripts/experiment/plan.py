"""What `make plan` says an experiment will cost: device hours, disk and memory.

Hours rest on speeds that were measured on this machine's device, see `throughput`; for what nobody measured there, on
the speed that the experiment states with its source.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from workflow_scripts.experiment.costs import GIB, count_passes, count_trained, embedding_bytes, packed_bytes
from workflow_scripts.experiment.gpu_shares import get_gpu_share
from workflow_scripts.experiment.runs import Run, get_settings, list_other_sources, list_runs
from workflow_scripts.experiment.throughput import Throughput, Workload, get_workload, name_device, read_measured
from workflow_scripts.support.gpus import find_gpus


def describe_costs(config: dict[str, Any]) -> str:
    """Return the costs of an experiment as a few lines of text. config: complete."""
    runs = list_runs(config)
    trained = {run: count for run in runs if (count := count_trained(config, run))}
    own = (config["dataset_settings"][name]["source"] for name in config["datasets"])
    sources = dict.fromkeys([*own, *list_other_sources(config)])
    embeddings = {run: embedding_bytes(config, run) for run in runs}
    largest = max(embeddings, key=lambda run: embeddings[run])
    sizes = ", ".join(f"{source} {packed_bytes(config, source) / GIB:,.1f} GiB" for source in sources)
    return "\n".join(
        [
            f"Runs: {len(runs)}, of which to train: {len(trained)}",
            *describe_training(config, trained),
            *describe_sharing(config, list(trained)),
            f"Disk for packed data: {sizes} (raw images and archives come on top)",
            f"Disk for embeddings: at most {embeddings[largest] / GIB:,.1f} GiB a run ({largest.name}) "
            "while it is evaluated, then deleted",
            "Memory: packed data are mapped, not loaded; "
            f"an evaluation reads up to {embeddings[largest] / GIB:,.1f} GiB",
        ]
    )


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
    """Return lines on the hours of trainings: on this machine's device, then on others that all of it is known of.

    trained: images to read by run.
    """
    here, images, stated = name_device(config), sum(trained.values()), config["throughput"]
    estimates = {device: estimate_hours(config, trained, rows) for device, rows in read_measured(config).items()}
    own = estimates.pop(here, Estimate(0.0, [], [], trained))
    slower = "".join(f", {name} {speed:g}" for name, speed in stated.get("of_encoders", {}).items())
    speed = f"{stated['images_per_second']:g} images/s{slower} on one {stated['device']}: {stated['source']}"
    hours = own.hours + sum(count / get_stated_speed(config, run) / 3600 for run, count in own.unknown.items())
    if not own.measured:
        lines = [f"Training: {images:,} images, {hours:,.1f} {stated['device']} hours (stated, at {speed})"]
    else:
        lines = [f"Training: {images:,} images, {hours:,.1f} hours on {here}, this machine's device", *own.describe()]
        if own.unknown:
            lines.append(f"  stated, for the other {sum(own.unknown.values()):,} images: {speed}")
    for device, other in estimates.items():
        if images and not other.unknown:
            lines += [f"  On {device}: {other.hours:,.1f} hours", *(f"  {line}" for line in other.describe())]
    return lines


def describe_sharing(config: dict[str, Any], runs: list[Run]) -> list[str]:
    """Return a line on how trainings share this machine's GPUs; none where it has none. runs: to train."""
    gpus = [] if config["engine"]["device"] == "cpu" else find_gpus()
    if not gpus or not runs:
        return []
    shares = Counter(get_gpu_share(config, run, "training") for run in runs)
    texts = (f"{count} need {share} % of one" for share, count in sorted(shares.items()))
    return [f"GPUs: {len(gpus)}; of the trainings {', '.join(texts)}"]
