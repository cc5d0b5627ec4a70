"""What contexts do to a sensitive feature, in words: beside its majority rate and what other features reveal of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT, INVARIANT
from workflow_scripts.reporting.measured import Measured, MeasuredRun, Select, select_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.options import Query

if TYPE_CHECKING:
    import pandas as pd

ODDS = {"task": "class", "metric": "equalized_odds"}


@dataclass(frozen=True)
class Fairness:
    """Sentences on every run with an invariant context; none of data without attributes.

    floor: selects a run that always guesses the most frequent attribute. revealed: selects one that sees all features
    but the attribute. Numbers are means over seeds, accuracies in percent.
    """

    floor: Query
    revealed: Query

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        sentences = []
        for group in measured.groups:
            attribute = {"representation": "h", "task": group, "metric": "accuracy"}
            majority = _mean(rows, {**self.floor, **attribute})
            revealed = _mean(rows, {**self.revealed, **attribute})
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
    ends = ((group, 0), (group, length), (INVARIANT, length))
    places = [{"condition": CONTEXT + kind, "level": level} for kind, level in ends]
    found = {}
    for name, query in (("accuracy", {"task": group, "metric": "accuracy"}), ("odds", ODDS)):
        selects = [{**run.select, "representation": "z+", **query, **place} for place in places]
        found[name] = [_show(_mean(rows, select), 1 if name == "accuracy" else 3) for select in selects]
    none, equivariant, invariant = found["accuracy"]
    odds = found["odds"]
    return (
        f"{run.name}: {group} is read in {none} % of the rows without context, in {equivariant} % under an equivariant "
        f"context of {length} tokens, in {invariant} % under an invariant one; the difference in equalized odds is "
        f"{odds[0]}, {odds[1]} and {odds[2]}."
    )


def _mean(rows: pd.DataFrame, select: Select) -> float | None:
    values = select_rows(rows, select)["value"]
    return float(values.mean()) if len(values) else None


def _show(value: float | None, digits: int = 1) -> str:
    return format_number(value, digits) or "unknown"


FINDING = Fairness
