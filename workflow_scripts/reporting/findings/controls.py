"""What the context controls imply, in words: computed from the rows, so that it changes with them.

A context may work because the model reads what the actions say about the images, or because it only
notices which group of actions is present. Controls tell the two apart: they keep one and break the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT, INVARIANT
from workflow_scripts.reporting.measured import Measured, MeasuredRun, filter_rows
from workflow_scripts.reporting.numbers import format_number

if TYPE_CHECKING:
    import pandas as pd

SMALL = 0.1  # an effect on R2 below which there is nothing to explain
ALL, NONE = 0.9, 0.1  # share of the effect that a control keeps

VERDICTS = {
    "all": "the model notices which group is present, and does not use what the actions say about the images",
    "none": "the model uses what the actions say about the images",
    "part": "the model uses in part what the actions say about the images",
}
Scores = dict[tuple[str, int], dict[str, float]]  # (kind of context, length) to R2 by group


@dataclass(frozen=True)
class Controls:
    """A sentence on every control of every run. It has no options; numbers are R2 per component of z+."""

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        rows = filter_rows(rows, {"metric": "r2", "representation": "z+"})
        return [sentence for run in measured.adaptive for sentence in _describe_run(rows, run, measured)]


def _describe_run(rows: pd.DataFrame, run: MeasuredRun, measured: Measured) -> list[str]:
    own = filter_rows(rows, run.select)
    if own.empty:  # of tables there is no R2
        return []
    table = own.groupby(["condition", "level", "task"], observed=True)["value"].mean()
    scores = {
        (str(condition).removeprefix(CONTEXT), int(n)): {g: float(table[condition, n, g]) for g in measured.groups}
        for condition, n, _ in table.index
        if str(condition).startswith(CONTEXT)
    }
    sentences = []
    for kind, length in measured.contexts[run]:
        group, _, control = kind.partition("+")
        if control == "shuffled":
            sentences += _compare_shuffled(run, scores, group, length, measured.groups)
        elif kind not in (*measured.groups, INVARIANT):
            sentences += _name_nearest(run, scores, kind, length, measured.groups)
    return sentences


def _compare_shuffled(run: MeasuredRun, scores: Scores, group: str, length: int, groups: list[str]) -> list[str]:
    """Say how much of a context's effect on the other groups is left when its actions are shuffled."""
    sentences = []
    for other in (name for name in groups if name != group):
        keys = ((group, 0), (group, length), (f"{group}+shuffled", length))
        if not all(key in scores for key in keys):  # evaluated at other lengths: there is nothing to compare with
            continue
        without, true, shuffled = (scores[key][other] for key in keys)
        effect = without - true
        start = (
            f"{run.name}: a {group} context of {length} tokens takes {other} R2 from {_show(without)} to {_show(true)}"
        )
        if effect < SMALL:
            sentences.append(f"{start}; there is no effect that its actions could explain.")
            continue
        share = (without - shuffled) / effect
        verdict = VERDICTS["all" if share >= ALL else "none" if share <= NONE else "part"]
        sentences.append(
            f"{start}, and to {_show(shuffled)} with its actions shuffled among the pairs, "
            f"{round(100 * share)} % of the effect: {verdict}."
        )
    return sentences


def _name_nearest(run: MeasuredRun, scores: Scores, kind: str, length: int, groups: list[str]) -> list[str]:
    """Say which true context, or none, a control's embedding is most like."""
    found = scores[kind, length]
    keys = {f"a {group} context": (group, length) for group in groups} | {"no context": (groups[0], 0)}
    if not all(key in scores for key in keys.values()):
        return []
    distance = {name: max(abs(found[g] - scores[key][g]) for g in groups) for name, key in keys.items()}
    nearest = min(distance, key=lambda name: distance[name])
    numbers = ", ".join(f"{group} {_show(found[group])}" for group in groups)
    most = f"it is most like {nearest}, within {_show(distance[nearest])}"
    return [f"{run.name}: under `{kind}` of {length} tokens ({numbers}) {most}."]


def _show(value: float) -> str:
    return format_number(value, 3)


FINDING = Controls
