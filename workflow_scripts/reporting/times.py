"""Wall-clock time by stage, from the time.tsv that Snakemake writes beside each job's output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

HEADERS = ["stage", "method", "jobs", "mean seconds", "longest", "peak memory [MB]"]


def describe_times(times: list[Path]) -> dict[str, Any]:
    """Return seconds of each stage and method, one line each, in the given order. Absent files are left out.

    times: `<folder>/<stage>.time.tsv`; of a run, `results/<dataset>/<method>/seed<k>/<stage>.time.tsv`. A job
    that was killed and taken up again counts its last part only: that is what Snakemake measures.
    """
    records = [
        {"stage": path.name.partition(".")[0], "method": path.parts[-3] if path.parent.name.startswith("seed") else ""}
        | pd.read_csv(path, sep="\t", na_values="-").iloc[0][["s", "max_rss"]].to_dict()
        for path in times
        if path.exists()
    ]
    if not records:
        return {"headers": HEADERS, "rows": []}
    groups = pd.DataFrame(records).groupby(["stage", "method"], sort=False)
    lines = [
        [
            stage,
            method,
            str(len(jobs)),
            f"{jobs['s'].mean():.1f}",
            f"{jobs['s'].max():.1f}",
            f"{jobs['max_rss'].max():.0f}",
        ]
        for (stage, method), jobs in groups
    ]
    return {"headers": HEADERS, "rows": lines}
