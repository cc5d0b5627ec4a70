"""Wall-clock times: of trainings from their histories, of jobs from what Snakemake measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.experiment.runs import parse_folder
from workflow_scripts.experiment.throughput import CPU
from workflow_scripts.rows import COLUMNS

HEADERS = ["data", "stage", "method", "jobs", "mean seconds", "longest", "peak memory [MB]"]
ENDING = ".time.tsv"
# In the order of the work. What is not among them comes last.
STAGES = ("download", "render", "synthesize", "pack", "import_checkpoint", "pretrain", "evaluate")


def make_training_rows(runs: list[Path]) -> pd.DataFrame:
    """Return the seconds that each training took, over all its parts if it was interrupted, as rows. runs: folders.

    Kept apart from the stored rows, which are the same for the same seed.
    """
    records = []
    for folder in runs:
        if lines := read_history(locate_history(folder)):
            run = parse_folder(folder)
            keys = {"dataset": run.dataset, "method": run.method, "group": run.group, "variant": run.variant}
            seconds = sum(line["seconds"] for line in lines)
            measured = {"condition": "", "task": "training", "metric": "seconds", "value": seconds}
            records.append({**keys, "seed": run.seed, **measured})
    return pd.DataFrame(records, columns=list(COLUMNS)).astype({"level": "Int64", "seed": "int64", "value": "float64"})


def list_times(sources: list[Path], runs: list[Path]) -> list[Path]:
    """Return the files of the times that Snakemake measured: of the sources, then stage by stage of the runs.

    sources: folders of data, one a source. runs: folders.
    """
    first = [path for folder in sources for path in sorted(folder.glob(f"*{ENDING}"), key=_order)]
    return first + sorted((path for folder in runs for path in sorted(folder.glob(f"*{ENDING}"))), key=_order)


def _order(path: Path) -> int:
    """Return the place of a file's stage in the order of the work."""
    stage = path.name.removesuffix(ENDING)
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def name_job(path: Path) -> dict[str, str]:
    """Return data, stage and method of a time.tsv file; a stage that makes data has no method."""
    *_, data, method = path.parts[:-2] if path.parent.name.startswith("seed") else (path.parts[-2], "")
    return {"data": data, "stage": path.name.removesuffix(ENDING), "method": method}


def describe_times(sources: list[Path], runs: list[Path]) -> dict[str, Any]:
    """Return seconds of each stage and method on each data set. See `list_times`.

    A job that was killed and taken up again counts its last part only: that is what Snakemake measures.
    """
    records = [
        name_job(path) | pd.read_csv(path, sep="\t", na_values="-").iloc[0][["s", "max_rss"]].to_dict()
        for path in list_times(sources, runs)
    ]
    if not records:
        return {"headers": HEADERS, "lines": []}
    lines = []
    for key, jobs in pd.DataFrame(records).groupby(["data", "stage", "method"], sort=False):
        numbers = [f"{jobs['s'].mean():.1f}", f"{jobs['s'].max():.1f}", f"{jobs['max_rss'].max():.0f}"]
        lines.append([*key, str(len(jobs)), *numbers])
    return {"headers": HEADERS, "lines": lines}


def sum_seconds(sources: Iterable[Path], runs: Iterable[Path], device: str) -> float:
    """Return the seconds of all jobs in folders of data and of runs.

    device: see `name_devices`. On a CPU, seconds of computing, which do not depend on what else the machine did; on a
    GPU, the seconds that passed.
    """
    total = 0.0
    for path in list_times(list(sources), list(runs)):
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        computed = job.get("cpu_time") if device == CPU else None
        total += float(job["s"] if computed is None or pd.isna(computed) else computed)
    return total


def name_devices(rows: pd.DataFrame) -> str:
    """Return what rows were measured on: "CPU", a GPU's name, or several."""
    return ", ".join(sorted({CPU if device == "cpu" else str(device) for device in rows["device"]}))


def say_duration(seconds: float) -> str:
    """Return a time in the unit that a reader would choose: 40 s, 25 min, 3.2 h, 13 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:,.0f} h"
