"""What the context controls imply, in words: computed from the rows, so that it changes with them.

A context may work because the model reads what the actions say about the images, or because it only
notices which group of actions is present. Controls tell the two apart: they keep one and break the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT, INVARIANT, ZERO
from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, MeasuredRun, filter_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.seeds import show

if TYPE_CHECKING:
    import pandas as pd

SMALL = 0.1  # an effect on R2 below which there is nothing to explain
ALL, NONE = 0.9, 0.1  # share of the effect that a control keeps

VERDICTS = {
    "all": "notices which group is present, and does not use what the actions say about the images",
    "none": "uses what the actions say about the images",
    "part": "uses in part what the actions say about the images",
    "mixed": "uses what the actions say about the images under some contexts only",
}
Scores = dict[tuple[str, int], dict[str, "pd.Series"]]  # (kind of context, length) to R2 by group, by seed


@dataclass(frozen=True)
class Shuffle:
    """R2 of `other`, by seed: without a context, under one of `group`, and under that with its actions shuffled."""

    group: str
    other: str
    length: int
    without: pd.Series
    true: pd.Series
    shuffled: pd.Series

    @property
    def effect(self) -> float:
        """How far the context takes R2 down."""
        return float((self.without - self.true).mean())

    @property
    def kept(self) -> pd.Series:
        """How much of the effect the shuffled context has, in percent, by seed."""
        return 100 * (self.without - self.shuffled).dropna() / (self.without - self.true).mean()

    @property
    def kind(self) -> str:
        """What follows: "all", "none" or "part" of `VERDICTS`."""
        share = float(self.kept.mean()) / 100
        return "all" if share >= ALL else "none" if share <= NONE else "part"


@dataclass(frozen=True)
class Controls:
    """A sentence on every control of every run, a headline on the first run with an effect that needs explaining.

    It has no options; numbers are R2 per component of z+.
    """

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        rows = filter_rows(rows, {"metric": "r2", "representation": "z+"})
        headlines, sentences = [], []
        for run in measured.adaptive:
            scores = _read_scores(filter_rows(rows, run.select))
            shuffles = _list_shuffles(run, scores, measured)
            if strong := [shuffle for shuffle in shuffles if shuffle.effect >= SMALL]:
                headlines.append(_describe_run(run, strong))
            sentences += [_describe_shuffle(run, shuffle) for shuffle in shuffles]
            sentences += _name_nearest(run, scores, measured)
        return [*headlines[:1], *map(Statement, sentences)]


def _read_scores(rows: pd.DataFrame) -> Scores:
    scores: Scores = {}
    for (condition, length), place in rows.groupby(["condition", "level"], observed=True):
        if str(condition).startswith(CONTEXT):
            key = (str(condition).removeprefix(CONTEXT), int(str(length)))
            tasks = place.groupby("task", observed=True)
            scores[key] = {str(task): own.set_index("seed")["value"] for task, own in tasks}
    return scores


def _list_shuffles(run: MeasuredRun, scores: Scores, measured: Measured) -> list[Shuffle]:
    """Return every context of a group whose actions were shuffled, with each other group that it may change."""
    shuffles = []
    for kind, length in measured.contexts[run]:
        group, _, control = kind.partition("+")
        keys = ((group, 0), (group, length), (kind, length))
        # Evaluated at other lengths, there is nothing to compare with.
        if control == "shuffled" and all(key in scores for key in keys):
            for other in (name for name in measured.groups if name != group):
                shuffles.append(Shuffle(group, other, length, *(scores[key][other] for key in keys)))
    return shuffles


def _describe_run(run: MeasuredRun, shuffles: list[Shuffle]) -> Statement:
    """Say of all contexts of a run what their actions are used for."""
    kinds = {shuffle.kind for shuffle in shuffles}
    parts = [
        f"a {s.group} context of {s.length} tokens takes {s.other} R2 from {_show(s.without)} to {_show(s.true)}, and "
        f"one with shuffled actions keeps {show(s.kept, 0)} % of that effect"
        for s in shuffles
    ]
    bars: list[Bar] = []
    for s in shuffles:
        bars.append(make_bar(f"{s.other}, no context", s.without, "rival"))
        bars.append(make_bar(f"{s.other}, {s.group} context", s.true, "subject"))
        bars.append(make_bar(f"{s.other}, {s.group} context, shuffled", s.shuffled, "control"))
    verdict = VERDICTS[kinds.pop() if len(kinds) == 1 else "mixed"]
    return Statement(f"{run.name} {verdict}: {'; '.join(parts)}.", True, "R2 per component", tuple(bars))


def _describe_shuffle(run: MeasuredRun, shuffle: Shuffle) -> str:
    """Say how much of a context's effect on another group is left when its actions are shuffled."""
    start = (
        f"{run.name}: a {shuffle.group} context of {shuffle.length} tokens takes {shuffle.other} R2 from "
        f"{_show(shuffle.without)} to {_show(shuffle.true)}"
    )
    if shuffle.effect < SMALL:
        return f"{start}; there is no effect that its actions could explain."
    return (
        f"{start}, and to {_show(shuffle.shuffled)} with its actions shuffled among the pairs, "
        f"{show(shuffle.kept, 0)} % of the effect: the model {VERDICTS[shuffle.kind]}."
    )


def _name_nearest(run: MeasuredRun, scores: Scores, measured: Measured) -> list[str]:
    """Say which true context, or none, the embedding is most like under each other control."""
    groups, sentences = measured.groups, []
    for kind, length in measured.contexts[run]:
        keys = {f"a {group} context": (group, length) for group in groups} | {"no context": (groups[0], 0)}
        known = kind in (*groups, INVARIANT) or kind.endswith(("+shuffled", "+decoys"))  # each has its own sentence
        if known or not all(key in scores for key in (*keys.values(), (kind, length))):
            continue
        found = scores[kind, length]
        distance = {
            name: max(abs(float(found[g].mean() - scores[key][g].mean())) for g in groups) for name, key in keys.items()
        }
        nearest = min(distance, key=lambda name: distance[name])
        numbers = ", ".join(f"{group} R2 {_show(found[group])}" for group in groups)
        sentences.append(
            f"{run.name}: under {_name_control(kind, groups)} of {length} tokens ({numbers}) it is most like "
            f"{nearest}, within {format_number(distance[nearest], 3)}."
        )
    return sentences


def _name_control(kind: str, groups: list[str]) -> str:
    group, _, control = kind.partition("+")
    if kind == ZERO:
        return f"a context without actions (`{kind}`)"
    if control == "foreign" and group in groups:
        return f"a {group} context with values of the other group as its actions (`{kind}`)"
    return f"`{kind}`"


def _show(values: pd.Series) -> str:
    return show(values, 3)


FINDING = Controls
