"""Wall-clock times: of trainings from their histories, of jobs from what Snakemake measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.runs import parse_folder
from workflow_scripts.rows import COLUMNS

HEADERS = ["data", "stage", "method", "jobs", "mean seconds", "longest", "peak memory [MB]"]


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a training's history; none where there is no such file. One that is being written is left."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def make_training_rows(histories: list[Path]) -> pd.DataFrame:
    """Return the seconds that each training took, over all its parts if it was interrupted, as rows.

    histories: results/<dataset>/<name>/seed<k>/state/history.jsonl. Kept apart from the stored rows, which are the
    same for the same seed.
    """
    records = []
    for path in histories:
        if lines := read_history(path):
            run = parse_folder(path.parents[1])
            keys = {"dataset": run.dataset, "method": run.method, "group": run.group, "variant": run.variant}
            seconds = sum(line["seconds"] for line in lines)
            records.append(
                {**keys, "seed": run.seed, "context": "", "task": "training", "metric": "seconds", "value": seconds}
            )
    return pd.DataFrame(records, columns=list(COLUMNS)).astype({"length": "Int64", "seed": "int64", "value": "float64"})


def name_job(path: Path) -> dict[str, str]:
    """Return data, stage and method of a time.tsv file; a stage that makes data has no method."""
    *_, data, method = path.parts[:-2] if path.parent.name.startswith("seed") else (path.parts[-2], "")
    return {"data": data, "stage": path.name.partition(".")[0], "method": method}


def describe_times(times: list[Path]) -> dict[str, Any]:
    """Return seconds of each stage and method on each data set, in the given order. Absent files are left out.

    times: `results/data/<source>/<stage>.time.tsv` and `results/<dataset>/<method>/seed<k>/<stage>.time.tsv`. A job
    that was killed and taken up again counts its last part only: that is what Snakemake measures.
    """
    records = [
        name_job(path) | pd.read_csv(path, sep="\t", na_values="-").iloc[0][["s", "max_rss"]].to_dict()
        for path in times
        if path.exists()
    ]
    if not records:
        return {"headers": HEADERS, "rows": []}
    lines = []
    for key, jobs in pd.DataFrame(records).groupby(["data", "stage", "method"], sort=False):
        numbers = [f"{jobs['s'].mean():.1f}", f"{jobs['s'].max():.1f}", f"{jobs['max_rss'].max():.0f}"]
        lines.append([*key, str(len(jobs)), *numbers])
    return {"headers": HEADERS, "rows": lines}
