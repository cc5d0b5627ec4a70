"""Wall-clock times: of trainings from their histories, of jobs from what Snakemake measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.experiment.runs import parse_folder
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
