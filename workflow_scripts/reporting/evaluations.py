"""What evaluations say beside their rows, in rows/evaluation.json: what they skipped and why, and what to show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.runs import parse_folder
from workflow_scripts.support.files import read_json

FILE = Path("rows") / "evaluation.json"
Reasons = dict[tuple[str, str], list[str]]  # by data set and name of run
HEADERS = ["data set", "evaluator", "runs", "why it was not measured"]


def read_evaluation(run: Path) -> dict[str, Any] | None:
    """Return `skipped`, reasons by evaluator, and `exhibits`, values by evaluator; None where the file is absent.

    Raises `UserError` for a malformed file.
    """
    content: dict[str, Any] | None = read_json(run / FILE) if (run / FILE).exists() else None
    return content


def read_reasons(runs: Iterable[Path]) -> Reasons:
    """Return why something of a run was not measured, by data set and name of the run. runs: folders.

    Seeds of a run are not told apart.
    """
    found: Reasons = {}
    for folder in runs:
        run, content = parse_folder(folder), read_evaluation(folder)
        for reasons in (content or {"skipped": {}})["skipped"].values():
            found.setdefault((run.dataset, run.name), []).extend(reasons.split("; "))
    return found


def find_reason(reasons: Iterable[str], task: str) -> str:
    """Return the first reason that names a task, which ends with the name of other data; "" where none does."""
    name = re.compile(rf"(?<![\w-]){re.escape(task.rpartition(', ')[2])}(?![\w-])")
    return next((reason for reason in reasons if name.search(reason)), "")


def describe_skipped(runs: list[Path]) -> dict[str, Any]:
    """Return a table of what was not measured: one line for each data set, evaluator and reason, its runs together.

    runs: folders. Seeds of a run are not told apart.
    """
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    every: dict[str, set[str]] = {}
    for folder in runs:
        run, content = parse_folder(folder), read_evaluation(folder)
        every.setdefault(run.dataset, set()).add(run.name)
        for evaluator, reason in (content or {"skipped": {}})["skipped"].items():
            found.setdefault((run.dataset, evaluator, reason), {})[run.name] = None
    lines = []
    for (dataset, evaluator, reason), names in sorted(found.items()):
        whole = len(names) > 1 and set(names) == every[dataset]
        lines.append([dataset, evaluator, f"all {len(names)}" if whole else ", ".join(names), reason])
    return {"headers": HEADERS, "lines": lines}
