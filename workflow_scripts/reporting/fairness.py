"""What contexts do to a sensitive feature, in words: beside its majority rate and what other features reveal of it."""

from __future__ import annotations

import pandas as pd

from workflow_scripts.experiment.kinds import INVARIANT
from workflow_scripts.reporting.cells import describe_measured, select_rows
from workflow_scripts.reporting.formats import format_number
from workflow_scripts.reporting.layouts import MeasuredRun

ODDS = {"task": "class", "metric": "equalized_odds"}


def describe_fairness(rows: pd.DataFrame, dataset: str, groups: list[str]) -> list[str]:
    """Return sentences on every run with an invariant context; none of data without attributes.

    rows: of the test split; numbers are means over seeds, accuracies in percent.
    """
    rows = rows[rows["dataset"] == dataset]
    measured = describe_measured(rows, dataset, groups, [])
    sentences = []
    for group in groups:
        gender = {"task": group, "metric": "accuracy"}
        majority = _mean(rows, {"method": "constant", "representation": "h", **gender})
        revealed = _mean(rows, {"method": "raw", "variant": "blind", "representation": "h", **gender})
        if majority is None:
            continue
        known = f"Always guessing the most frequent {group} is right in {_show(majority)} % of the rows"
        if revealed is not None:
            known += f"; the features other than {group} alone reveal it in {_show(revealed)} %"
        sentences.append(f"{known}: no context can hide what those say, unless it hides them, too.")
        for run in measured.runs:
            longest = max((n for kind, n in measured.contexts[run] if kind == INVARIANT), default=0)
            if longest:
                sentences.append(_describe_run(rows, run, group, longest))
    return sentences


def _describe_run(rows: pd.DataFrame, run: MeasuredRun, group: str, length: int) -> str:
    """Say how accuracy of the group, and equalized odds, change from no context to each longest one."""
    places = ({"context": group, "length": 0}, {"context": group, "length": length}, {"context": INVARIANT})
    found = {}
    for name, query in (("accuracy", {"task": group, "metric": "accuracy"}), ("odds", ODDS)):
        selects = [{**run.select, "representation": "z+", **query, "length": length, **place} for place in places]
        found[name] = [_show(_mean(rows, select), 1 if name == "accuracy" else 3) for select in selects]
    none, equivariant, invariant = found["accuracy"]
    odds = found["odds"]
    return (
        f"{run.name}: {group} is read in {none} % of the rows without context, in {equivariant} % under an equivariant "
        f"context of {length} tokens, in {invariant} % under an invariant one; the difference in equalized odds is "
        f"{odds[0]}, {odds[1]} and {odds[2]}."
    )


def _mean(rows: pd.DataFrame, select: dict[str, object]) -> float | None:
    values = select_rows(rows, select)["value"]
    return float(values.mean()) if len(values) else None


def _show(value: float | None, digits: int = 1) -> str:
    return format_number(value, digits) or "unknown"
