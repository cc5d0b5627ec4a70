"""Measured speeds of trainings, by device and with their source: of this machine's own runs, and rows in files.

A speed is of a method, an encoder and a resolution: other settings, such as the width of a head, are those it was
measured with, and its source says where to look.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.costs import get_resolution
from workflow_scripts.experiment.gpu_shares import get_gpu_share
from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.experiment.rooms import ROOT, read_schema
from workflow_scripts.experiment.runs import Run, get_settings, get_space, parse_folder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_text
from workflow_scripts.support.gpus import WHOLE, find_gpus

SHIPPED = ROOT / "docs" / "throughput.csv"  # what others measured
OWN = Path("results") / "throughput.csv"  # what `make bench` measured on this machine
CPU = "CPU"

Workload = tuple[str, str, int]  # method, encoder as `describe_encoder` has it, and resolution [pixels], 0 of rows


@dataclass(frozen=True)
class Throughput:
    """How fast a method trains: the median of `n` measurements, the least and the most, if they are known [images/s].

    encoder: see `describe_encoder`. resolution: of the images [pixels], 0 of rows. device: a GPU's name, or "CPU".
    source: where the numbers are from.
    """

    method: str
    encoder: str
    resolution: int
    images_per_second: float
    low: float | None
    high: float | None
    n: int
    device: str
    source: str

    @property
    def workload(self) -> Workload:
        """What was measured."""
        return (self.method, self.encoder, self.resolution)


def describe_encoder(encoder: dict[str, Any]) -> str:
    """Return the kind of an encoder, and those of its settings that are not the default."""
    own = read_schema("encoders", encoder["kind"])["properties"]
    changed = [f"{key}={encoder[key]}" for key in sorted(encoder) if encoder[key] != own[key].get("default", "")]
    return " ".join([encoder["kind"], *(text for text in changed if not text.startswith("kind="))])


def get_workload(config: dict[str, Any], run: Run) -> Workload:
    """Return what a run's training is, as far as its speed depends on it."""
    return run.method, describe_encoder(get_settings(config, run)["encoder"]), get_resolution(config, run)


def name_device(config: dict[str, Any]) -> str:
    """Return what jobs of an experiment run on here: the first GPU's name, or "CPU"."""
    gpus = [] if config["engine"]["device"] == "cpu" else find_gpus()
    return gpus[0].name if gpus else CPU


def read_measured(config: dict[str, Any]) -> dict[str, dict[Workload, Throughput]]:
    """Return the measured speeds by device, then by what was measured. This machine's own runs count before files."""
    found: dict[str, dict[Workload, Throughput]] = defaultdict(dict)
    for row in (*read_rows(SHIPPED), *read_rows(OWN), *read_trainings(config)):
        found[row.device][row.workload] = row
    return dict(found)


def read_rows(path: Path) -> list[Throughput]:
    """Return the rows of a file; none where there is no such file. Raises `UserError` for one that holds others."""
    if not path.exists():
        return []
    try:
        return [
            Throughput(**{field.name: _TYPES[str(field.type)](line[field.name]) for field in fields(Throughput)})
            for line in csv.DictReader(io.StringIO(path.read_text()))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} holds no rows of throughput ({error}); delete it, `make bench` writes it") from None


_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "float | None": lambda text: float(text) if text else None,
}


def record_rows(rows: Iterable[Throughput], path: Path = OWN) -> None:
    """Add rows to a file, in the place of those of the same workload on the same device that rest on no more.

    A quick measurement does not replace a thorough one: one of fewer repeats is left out.
    """
    kept: dict[tuple[Workload, str], Throughput] = {}
    for row in (*read_rows(path), *rows):
        key = (row.workload, row.device)
        if key not in kept or row.n >= kept[key].n:
            kept[key] = row
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Throughput)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in kept.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())


def read_trainings(config: dict[str, Any]) -> list[Throughput]:
    """Return the speeds of what was trained and evaluated already, of experiments in the same folder of papers/.

    A run's speed is the median over its history, the first line aside, which holds the start. The device is the one
    that the run was evaluated on. Runs that shared a GPU are left out: each was slower than it would be alone.
    """
    space, speeds = get_space(config), defaultdict(list)
    for file in sorted(Path("results", space).glob("*/*/seed*/rows/evaluation.parquet")):
        try:
            measured = _read_training(config, file)
        except (UserError, LookupError, TypeError, ValueError, OSError):
            continue  # of an older version of the project, or damaged: nothing that a plan may fail for
        if measured:
            workload, device, speed = measured
            speeds[workload, device].append(speed)
    source = f"histories in results/{space}"
    return [
        Throughput(*workload, statistics.median(found), min(found), max(found), len(found), device, source)
        for (workload, device), found in speeds.items()
    ]


def _read_training(config: dict[str, Any], rows: Path) -> tuple[Workload, str, float] | None:
    """Return what a run trained, on which device and how fast; None for one that tells nothing. rows: of the run."""
    folder = rows.parents[1]
    run, lines = parse_folder(folder), read_history(locate_history(folder))
    if not lines or run.dataset not in config["dataset_settings"]:
        return None
    device = _read_device(rows)
    if device != CPU and get_gpu_share(config, run, "training") < WHOLE:
        return None
    encoder = read_json(folder / "run.json")["settings"]["encoder"]
    workload = run.method, describe_encoder(encoder), get_resolution(config, run)
    return workload, device, statistics.median(line["images_per_second"] for line in lines[1:] or lines)


def _read_device(rows: Path) -> str:
    """Return the device that rows were measured on."""
    import pyarrow.parquet as pq

    device = str(pq.read_table(rows, columns=["device"])["device"][0])
    return CPU if device == "cpu" else device
