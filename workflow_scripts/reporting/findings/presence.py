"""Presence or content: does a context tell a model which group it is about by being there, or by being true?

Under contexts with decoys the entries of all groups are there, and those of one are true of the images. What such
contexts change is compared with what contexts change that hide the other groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, MeasuredRun, filter_rows
from workflow_scripts.reporting.seeds import compare, join, show

if TYPE_CHECKING:
    import pandas as pd

DECOYS = "+decoys"
SMALL = 0.05  # an effect on R2 below which a context does not decide anything
MOST = 0.5  # of the effect of contexts that hide the others, from which on it is what is true that decides


@dataclass(frozen=True)
class Effects:
    """R2 of a group under contexts of its own less R2 under another's, by seed: others hidden, and others false."""

    group: str
    hidden: pd.Series
    false: pd.Series

    @property
    def follows_truth(self) -> bool:
        """Whether it is more under contexts in which the group is true, though all are present."""
        return float(self.false.mean()) >= SMALL and compare(self.false, 0 * self.false) > 0

    @property
    def decided_by_truth(self) -> bool:
        """Whether that is most of what contexts do."""
        return self.follows_truth and float(self.false.mean()) >= MOST * float(self.hidden.mean())


@dataclass(frozen=True)
class Presence:
    """A headline on every run that was evaluated under contexts with decoys. It has no options.

    Numbers are R2 per component of z+, under the shortest such contexts, since longer ones than a model was trained
    with may work less well, and under true ones of the same length.
    """

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        rows = filter_rows(rows, {"metric": "r2", "representation": "z+"})
        found = []
        for run in measured.adaptive:
            lengths = [length for kind, length in measured.contexts[run] if kind.endswith(DECOYS)]
            effects = _measure(filter_rows(rows, run.select), measured.groups, min(lengths)) if lengths else []
            if effects:
                found.append(_describe(run, effects, min(lengths)))
        return found


def _measure(rows: pd.DataFrame, groups: list[str], length: int) -> list[Effects]:
    """Return the effects on every group: of its contexts less the mean of the other groups'."""
    found = []
    for group in groups:
        own = filter_rows(rows, {"task": group, "level": length})
        pair = []
        for suffix in ("", DECOYS):
            under = {g: filter_rows(own, {"condition": f"{CONTEXT}{g}{suffix}"}) for g in groups}
            scores = {g: part.set_index("seed")["value"] for g, part in under.items() if len(part)}
            if len(scores) < len(groups) or len(groups) < 2:
                return []
            others = [scores[g] for g in groups if g != group]
            pair.append((scores[group] - sum(others) / len(others)).dropna())
        if not all(map(len, pair)):
            return []
        found.append(Effects(group, *pair))
    return found


def _describe(run: MeasuredRun, effects: list[Effects], length: int) -> Statement:
    """Say whether a run tells what is true from what is there."""
    following = [effect.group for effect in effects if effect.decided_by_truth]
    verdict = "follows the group that is present in a context, true or not"
    if len(following) == len(effects):
        verdict = "follows what is true of a context's images, not only what is present"
    elif following:
        verdict = f"follows what is true of a context's images for {join(following)} only"
    elif any(effect.follows_truth for effect in effects):
        verdict = "follows mostly the group that is present in a context, and a little what is true of its images"
    elif all(float(effect.hidden.mean()) < SMALL for effect in effects):
        verdict = "follows neither which group is present in a context nor which is true of its images"
    parts = [
        f"{effect.group} R2 is {show(effect.false, 3)} higher under contexts of {length} tokens in which "
        f"{effect.group} is true and the rest false than the other way round ({show(effect.hidden, 3)} where the rest "
        "is hidden)"
        for effect in effects
    ]
    bars: list[Bar] = []
    for effect in effects:
        bars.append(make_bar(f"{effect.group}, others hidden", effect.hidden, "rival"))
        bars.append(make_bar(f"{effect.group}, others false", effect.false, "subject"))
    measure = "R2 under a group's own contexts less R2 under the others'"
    return Statement(f"{run.name} {verdict}: {'; '.join(parts)}.", True, measure, tuple(bars))


FINDING = Presence
