"""The shape of the context-length curves, in words: where they bend, and what in training decides it.

Under a context of one group, R2 of another group falls with the context's length. Where it falls and whether it
rises again is compared with how many pairs a token saw in training. Computed from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, filter_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.seeds import compare, join, show, show_range

if TYPE_CHECKING:
    import pandas as pd

SMALL = 0.1  # a fall of R2 below which a curve has no shape to speak of
BACK = 0.05  # a rise of R2 from which on some of it is back
STRONG = 0.7  # a rank correlation from which on two things go together


@dataclass(frozen=True)
class Fall:
    """R2 of `other` under contexts of `group`, by seed: at c = 0, at its lowest (`best`), at the longest.

    half: the length by which half of the fall is reached. Lengths are those of the mean over seeds.
    """

    run: str
    group: str
    other: str
    pairs: float
    half: int
    best: int
    longest: int
    start: pd.Series
    lowest: pd.Series
    end: pd.Series

    @property
    def rise(self) -> float:
        """How much of R2 comes back from the lowest point to the longest context."""
        return float((self.end - self.lowest).mean())


@dataclass(frozen=True)
class Shapes:
    """A sentence on each fall, and one on what goes with the number of pairs that a token saw in training.

    hidden: name of the setting that says with which probability p a pair is hidden from a token; of a range [low, high]
    the low end counts. tokens: name of the setting that says how many tokens a block has in training, 2 B. variants:
    of all runs, with a headline on what goes with the number of pairs; false: of runs without a variant alone, with a
    headline on the falls of the first.
    """

    hidden: str
    tokens: str
    variants: bool = True

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
        for run in (run for run in measured.adaptive if run.name in pairs and (self.variants or not run.variant)):
            for group, other in ((g, o) for g in measured.groups for o in measured.groups if g != o):
                own = filter_rows(rows, {**run.select, "condition": CONTEXT + group, "task": other})
                curves = own.pivot_table(index="level", columns="seed", values="value", observed=True)
                means = [float(value) for value in curves.mean(axis=1)]
                if len(curves) < 3 or means[0] - min(means) < SMALL:
                    continue
                lengths = list(map(int, curves.index))
                lowest = means.index(min(means))
                half = next(n for n, value in zip(lengths, means, strict=True) if value <= (means[0] + min(means)) / 2)
                spots = (curves.iloc[0], curves.iloc[lowest], curves.iloc[-1])
                ends = (half, lengths[lowest], lengths[-1], *spots)
                falls.append(Fall(run.name, group, other, pairs[run.name], *ends))
        return falls

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        falls = self.find_falls(rows, measured, settings)
        if not falls:
            return []
        first = [fall for fall in falls if fall.run == falls[0].run]
        headline = _correlate(falls) if self.variants else [_describe_first(first)]
        return [*headline, *(Statement(_describe_fall(fall)) for fall in falls)]


def _describe_fall(fall: Fall) -> str:
    return (
        f"{fall.run}, up to {fall.pairs:.1f} pairs seen in training: under a {fall.group} context {fall.other} R2 "
        f"falls from {show(fall.start, 3)}, half of the way by c = {fall.half}; it is lowest at c = {fall.best} "
        f"({show(fall.lowest, 3)}), and {format_number(fall.rise, 3)} higher at c = {fall.longest}."
    )


def _describe_first(falls: list[Fall]) -> Statement:
    """Say of one run how fast its contexts work, and whether longer ones than it was trained with work better."""
    parts, bars = [], []
    for fall in falls:
        text = (
            f"{fall.other} R2 falls from {show(fall.start, 3)} to {show(fall.lowest, 3)} at {fall.best} tokens of a "
            f"{fall.group} context"
        )
        bars.append(make_bar(f"{fall.other}, no context", fall.start, "rival"))
        bars.append(make_bar(f"{fall.other}, {fall.group} context of {fall.best}", fall.lowest, "subject"))
        if fall.best != fall.longest:
            back = "back at " if fall.rise >= BACK and compare(fall.end, fall.lowest) > 0 else ""
            text += f" and is {back}{show(fall.end, 3)} at {fall.longest}"
            bars.append(make_bar(f"{fall.other}, {fall.group} context of {fall.longest}", fall.end, "control"))
        parts.append(text)
    seen = f"saw contexts of up to {falls[0].pairs:.1f} pairs ({2 * falls[0].pairs:.0f} tokens) in training"
    half = show_range([fall.half for fall in falls], 0)
    start = f"{falls[0].run} {seen}, and gets half of a context's effect from {half} tokens"
    return Statement(f"{start}: {'; '.join(parts)}.", True, "R2 per component", tuple(bars))


def _correlate(falls: list[Fall]) -> list[Statement]:
    """Say, for each group, what goes with the number of pairs seen in training, over runs that differ in it."""
    import pandas as pd

    found: dict[str, float] = {}
    sentences, bars = [], []
    for group, other in dict.fromkeys((fall.group, fall.other) for fall in falls):
        runs = [fall for fall in falls if fall.group == group and fall.other == other]
        own = pd.DataFrame([(fall.pairs, fall.best, fall.rise) for fall in runs])
        if own[0].nunique() > 2 and own[1].nunique() > 1 and own[2].nunique() > 1:
            pairs, best, rise = (own[column].rank() for column in own)
            name = f"{other} R2 under a {group} context"
            found[f"{name}, {len(own)} runs"] = float(pairs.corr(best))
            sentences.append(
                f"Over these {len(own)} runs, {name}: the rank correlation of the pairs "
                f"seen in training with the length at which R2 is lowest is {format_number(pairs.corr(best), 3)}, with "
                f"its rise from there to the longest context {format_number(pairs.corr(rise), 3)}."
            )
            for fall in sorted(runs, key=lambda fall: fall.pairs):
                bars.append(Bar(f"{other}: {fall.run}, {fall.pairs:.1f} pairs", fall.best, None, "subject"))
    if not found:
        return []
    verdict = "how many pairs a token saw in training does not decide which length of context works best"
    if min(found.values()) >= STRONG:
        verdict = "the more pairs a token saw in training, the longer the context that works best"
    elif max(found.values()) <= -STRONG:
        verdict = "the more pairs a token saw in training, the shorter the context that works best"
    numbers = join([f"{format_number(value, 2)} for {name}" for name, value in found.items()])
    text = f"{verdict[:1].upper()}{verdict[1:]} (rank correlation {numbers})."
    headline = Statement(text, True, "context length at which R2 is lowest [tokens]", tuple(bars), 0)
    return [headline, *map(Statement, sentences)]


FINDING = Shapes
