"""What an experiment took where it ran, and what it needs where nobody ran it.

Times are of jobs, as Snakemake measured them: on a CPU the seconds of computing, which do not depend on what else the
machine did; on a GPU the seconds that passed. A job that was killed and went on counts its last part only.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.costs import count_read, embedding_bytes, packed_bytes
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.plan import estimate_hours, get_stated_speed
from workflow_scripts.experiment.rooms import DOWNLOADS
from workflow_scripts.experiment.runs import Run, get_space, list_runs, list_sources
from workflow_scripts.experiment.throughput import CPU, SHIPPED, Throughput, Workload, read_rows
from workflow_scripts.reporting.times import list_times, name_devices, sum_seconds

NEEDS_LOGIN = "your own copy"  # of data that no program may download

Effort = dict[str, Any]


def locate_results(report: Path) -> tuple[Path, Path]:
    """Return the folder that a report's paths start from, and the experiment's rows. report: reports/<paper>/<name>."""
    base = report.resolve().parents[2]
    return base, base / "results" / report.resolve().parent.name / "metrics" / f"{report.resolve().name}.parquet"


def measure_data_sets(rows: pd.DataFrame, base: Path) -> dict[str, Effort]:
    """Return, by data set, the device of its runs and how long all of them took [s]. base: where paths start."""
    found = {}
    for dataset, own in rows.groupby("dataset"):
        device = name_devices(own)
        seconds = sum_seconds([], [base / run for run in own["run"].unique()], device)
        if seconds:
            found[str(dataset)] = {"seconds": round(seconds), "device": device}
    return found


def measure_experiment(name: str, rows: pd.DataFrame, base: Path) -> Effort | None:
    """Return what an experiment took: seconds and bytes, each of its data and of the runs of each seed, and the device.

    Of the seeds that its rows have, those count all of whose runs are there; None where there is no such seed. base:
    where paths start.
    """
    device = name_devices(rows)
    config = load_experiment(name, {"seeds": sorted(map(int, rows["seed"].unique()))})
    folders: dict[int, list[Path]] = defaultdict(list)
    for run in list_runs(config):
        folders[run.seed].append(base / run.folder)
    whole = [own for own in folders.values() if all(list_times([], [folder]) for folder in own)]
    if not whole:
        return None
    sources = [base / "results" / get_space(config) / "data" / source for source in list_sources(config)]
    return {
        "seconds": {
            "data": round(sum_seconds(sources, [], device)),
            "seeds": [round(sum_seconds([], own, device)) for own in whole],
        },
        "bytes": {
            "data": sum(map(_measure_size, sources)),
            "seeds": [sum(map(_measure_size, own)) for own in whole],
        },
        "device": device,
    }


def _measure_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def plan_experiment(name: str) -> Effort:
    """Return what an experiment needs, from its config alone.

    `data` to get: bytes of archives by source, None where nobody says how large it is, or `NEEDS_LOGIN`; bytes of
    `packed` data and of `embeddings` of the largest run; `hours` of training by device; and whether it
    needs a `gpu`.
    """
    config = load_experiment(name)
    runs = list_runs(config)
    images = {run: count for run in runs if (count := count_read(config, run))}
    sources = list_sources(config)
    return {
        "runs": len(runs),
        "seeds": len(config["seeds"]),
        "data": {source: size for source in sources if (size := _find_download(config["sources"][source])) != 0},
        "packed": sum(packed_bytes(config, source) for source in sources),
        "embeddings": max(embedding_bytes(config, run) for run in runs),
        "hours": _plan_hours(config, images),
        "gpu": _needs_gpu(config),
    }


def _plan_hours(config: dict[str, Any], images: dict[Run, int]) -> dict[str, float]:
    """Return hours of training by device: those on which speeds were measured or, without any, as is stated.

    Devices are of the kind that the experiment is made for: a CPU, or GPUs.
    """
    if not images:
        return {}
    known: dict[str, dict[Workload, Throughput]] = defaultdict(dict)
    for row in read_rows(SHIPPED):
        if (row.device == CPU) != _needs_gpu(config):
            known[row.device][row.workload] = row
    measured = {device: estimate_hours(config, images, rows) for device, rows in known.items()}
    hours = {device: estimate.hours for device, estimate in measured.items() if not estimate.unknown}
    stated = sum(count / get_stated_speed(config, run) / 3600 for run, count in images.items())
    return hours or {str(config["throughput"]["device"]): stated}


def _needs_gpu(config: dict[str, Any]) -> bool:
    return not str(config["throughput"]["device"]).startswith(CPU)


def _find_download(source: dict[str, Any]) -> int | str | None:
    """Return the bytes that a source downloads: 0 for what is made here, None where nobody says how large it is."""
    if "download" not in source:
        return 0
    entry = read_yaml(DOWNLOADS / f"{source['download']}.yaml")
    if "access" in entry:
        return NEEDS_LOGIN
    files = [*([entry["archive"]] if "archive" in entry else []), *entry.get("files", [])]
    sizes = [file["size"] for file in files]
    return sum(sizes) if sizes and None not in sizes else None
