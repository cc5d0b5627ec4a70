"""The shape of the context-length curves, in words: where they bend, and what in training decides it.

Under a context of one group, R2 of another group falls with the context's length. Where it falls and whether it
rises again is compared with how many pairs a token saw in training. Computed from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from workflow_scripts.reporting.cells import describe_measured, select_rows
from workflow_scripts.reporting.formats import format_number

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


def pairs_seen(settings: dict[str, Any]) -> float:
    """Return how many earlier pairs the last tokens of a block see in training, on average: (1 - p) (B - 1).

    settings: mask_probability p, of which a range [low, high] counts with its low end, and block_tokens = 2 B.
    """
    p = settings["mask_probability"]
    return (1 - (p[0] if isinstance(p, list) else p)) * (settings["block_tokens"] / 2 - 1)


def find_falls(rows: pd.DataFrame, dataset: str, groups: list[str], transformers: dict[str, Any]) -> list[Fall]:
    """Return every fall of at least `SMALL`. rows: of the test split. transformers: settings by name of run."""
    measured = describe_measured(rows, dataset, groups, [])
    rows = rows[(rows["dataset"] == dataset) & (rows["metric"] == "r2") & (rows["representation"] == "z+")]
    falls = []
    for run in measured.adaptive:
        own = select_rows(rows, run.select)
        for group, other in ((g, o) for g in groups for o in groups if g != o):
            curve = own[(own["context"] == group) & (own["task"] == other)].groupby("length")["value"].mean()
            if run.name not in transformers or len(curve) < 3 or curve.iloc[0] - curve.min() < SMALL:
                continue
            lengths, values = list(map(int, curve.index)), list(map(float, curve))
            lowest = min(values)
            half = next(n for n, value in zip(lengths, values, strict=True) if value <= (values[0] + lowest) / 2)
            best, pairs = lengths[values.index(lowest)], pairs_seen(transformers[run.name])
            falls.append(Fall(run.name, group, other, pairs, values[0], half, best, lowest, lengths[-1], values[-1]))
    return falls


def describe_shapes(rows: pd.DataFrame, dataset: str, groups: list[str], transformers: dict[str, Any]) -> list[str]:
    """Return a sentence on each fall, and one on what goes with the number of pairs seen in training."""
    falls = find_falls(rows, dataset, groups, transformers)
    sentences = [
        f"{fall.run}, up to {fall.pairs:.1f} pairs seen in training: under a {fall.group} context {fall.other} R2 "
        f"falls from {_show(fall.start)}, half of the way by c = {fall.half}; it is lowest at c = {fall.best} "
        f"({_show(fall.lowest)}), and {_show(fall.rise)} higher at c = {fall.longest}."
        for fall in falls
    ]
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
