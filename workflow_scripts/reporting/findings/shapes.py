"""The shape of the context-length curves, in words: where they bend, and what in training decides it.

Under a context of one group, R2 of another group falls with the context's length. Where it falls and whether it
rises again is compared with how many pairs a token saw in training. Computed from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.measured import Measured, filter_rows
from workflow_scripts.reporting.numbers import format_number

if TYPE_CHECKING:
    import pandas as pd

SMALL = 0.1  # a fall of R2 below which a curve has no shape to speak of


@dataclass(frozen=True)
class Fall:
    """R2 of `other` under contexts of `group`: at c = 0, where half of the fall is reached, the lowest, the longest."""

    run: str
    group: str
    other: str
    pairs: float
    start: float
    half: int
    best: int
    lowest: float
    longest: int
    end: float

    @property
    def rise(self) -> float:
        """How much of R2 comes back from the lowest point to the longest context."""
        return self.end - self.lowest


@dataclass(frozen=True)
class Shapes:
    """A sentence on each fall, and one on what goes with the number of pairs that a token saw in training.

    hidden: name of the setting that says with which probability p a pair is hidden from a token; of a range [low, high]
    the low end counts. tokens: name of the setting that says how many tokens a block has in training, 2 B.
    """

    hidden: str
    tokens: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The two settings."""
        return (self.hidden, self.tokens)

    def count_pairs(self, settings: dict[str, Any]) -> float:
        """Return how many earlier pairs the last tokens of a block see, on average: (1 - p) (B - 1)."""
        p = settings[self.hidden]
        return float((1 - (p[0] if isinstance(p, list) else p)) * (settings[self.tokens] / 2 - 1))

    def find_falls(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Fall]:
        """Return every fall of at least `SMALL`, of runs that have both settings."""
        rows = filter_rows(rows, {"metric": "r2", "representation": "z+"})
        pairs = {
            name: self.count_pairs(own) for name, own in settings.items() if self.hidden in own and self.tokens in own
        }
        falls = []
        for run in (run for run in measured.adaptive if run.name in pairs):
            for group, other in ((g, o) for g in measured.groups for o in measured.groups if g != o):
                own = filter_rows(rows, {**run.select, "condition": CONTEXT + group, "task": other})
                curve = own.groupby("level")["value"].mean()
                if len(curve) < 3 or curve.iloc[0] - curve.min() < SMALL:
                    continue
                lengths, values = list(map(int, curve.index)), list(map(float, curve))
                lowest = min(values)
                half = next(n for n, value in zip(lengths, values, strict=True) if value <= (values[0] + lowest) / 2)
                best, ends = lengths[values.index(lowest)], (lengths[-1], values[-1])
                falls.append(Fall(run.name, group, other, pairs[run.name], values[0], half, best, lowest, *ends))
        return falls

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        falls = self.find_falls(rows, measured, settings)
        return [_describe_fall(fall) for fall in falls] + _correlate(falls)


def _describe_fall(fall: Fall) -> str:
    return (
        f"{fall.run}, up to {fall.pairs:.1f} pairs seen in training: under a {fall.group} context {fall.other} R2 "
        f"falls from {_show(fall.start)}, half of the way by c = {fall.half}; it is lowest at c = {fall.best} "
        f"({_show(fall.lowest)}), and {_show(fall.rise)} higher at c = {fall.longest}."
    )


def _correlate(falls: list[Fall]) -> list[str]:
    """Say, for each group, what goes with the number of pairs seen in training, over runs that differ in it."""
    import pandas as pd

    sentences = []
    for group, other in dict.fromkeys((fall.group, fall.other) for fall in falls):
        own = pd.DataFrame([(f.pairs, f.best, f.rise) for f in falls if f.group == group])
        if own[0].nunique() > 2 and own[1].nunique() > 1 and own[2].nunique() > 1:
            pairs, best, rise = (own[column].rank() for column in own)
            sentences.append(
                f"Over these {len(own)} runs, {other} R2 under a {group} context: the rank correlation of the pairs "
                f"seen in training with the length at which R2 is lowest is {_show(pairs.corr(best))}, with its rise "
                f"from there to the longest context {_show(pairs.corr(rise))}."
            )
    return sentences


def _show(value: float) -> str:
    return format_number(value, 3 if abs(value) < 10 else 1)


FINDING = Shapes
