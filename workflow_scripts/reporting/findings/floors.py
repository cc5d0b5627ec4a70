"""What is reached without learning anything, in words, where that changes how numbers are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, read_values
from workflow_scripts.reporting.options import Query
from workflow_scripts.reporting.readouts import Kept, Readout, keep_best, list_readouts
from workflow_scripts.reporting.seeds import compare, join, show_range

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Reached:
    """What is reached of one measure without learning anything, and by runs that learnt.

    zero: where the way to the best begins, None for 0. best: readout of each run, the highest first. share: of the way
    from zero to the highest. below: the highest of each run that stays below the floor in all readouts.
    """

    kept: Kept
    values: pd.Series
    zero: pd.Series | None
    best: list[Readout]
    share: float
    below: list[float]


@dataclass(frozen=True)
class Floors:
    """A headline on the measures of which a run that learnt nothing reaches much; nothing on all others.

    kept: the measures, all in one unit. floor: selects the run that learnt nothing, called `label`. zero: selects what
    counts as nothing, called `zero_label`; without it that is 0. from_share: of the way from there to the best run,
    from which on it is much. apart: methods that are compared with nothing; without: readouts that are not, either.
    """

    kept: list[Kept]
    floor: Query
    label: str
    zero: Query = field(default_factory=dict)
    zero_label: str = "0"
    from_share: float = 0.5
    apart: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        floors = [floor for kept in self.kept if (floor := self._find(rows, measured, kept)) is not None]
        floors = [floor for floor in floors if floor.share >= self.from_share]
        if not floors:
            return []
        reached = join([f"{floor.kept.show(floor.values)} in {floor.kept.label}" for floor in floors])
        shares = join([f"{100 * floor.share:.0f} %" for floor in floors])
        way = f"{shares} of the way from {self.zero_label} to the best trained run"
        text = f"{self.label[:1].upper()}{self.label[1:]} already reaches {reached}, {way}{self._count_below(floors)}"
        names, unit = join([floor.kept.label for floor in floors]), floors[0].kept.unit
        bars = tuple(bar for floor in floors for bar in self._draw(floor))
        return [Statement(f"{text}.", True, f"{names} [{unit}]" if unit else names, bars, floors[0].kept.digits)]

    def _find(self, rows: pd.DataFrame, measured: Measured, kept: Kept) -> Reached | None:
        """Return the floor of a measure, None where it or what to compare it with was not measured."""
        values = read_values(rows, {**self.floor, **kept.select})
        zero = read_values(rows, {**self.zero, **kept.select}) if self.zero else None
        best = keep_best(list_readouts(rows, measured, kept, self.apart, self.without))
        if values.empty or not best or (zero is not None and zero.empty):
            return None
        start = 0.0 if zero is None else float(zero.mean())
        way = best[0].mean - start
        share = (float(values.mean()) - start) / way if way > 0 else 1.0
        below = [readout.mean for readout in best if compare(readout.values, values) < 0]
        return Reached(kept, values, zero, best, share, below)

    @staticmethod
    def _count_below(floors: list[Reached]) -> str:
        """Say how many runs stay below the floor, where some do."""
        parts = [
            f"{len(floor.below)} of {len(floor.best)} trained runs read less {floor.kept.label} than that "
            f"({show_range(floor.below, floor.kept.digits)})"
            for floor in floors
            if floor.below
        ]
        return f"; {join(parts)}" if parts else ""

    def _draw(self, floor: Reached) -> list[Bar]:
        name, best = floor.kept.label, floor.best[0]
        bars = [make_bar(f"{name}, {self.label}", floor.values, "floor")]
        if floor.zero is not None:
            bars.insert(0, make_bar(f"{name}, {self.zero_label}", floor.zero, "floor"))
        return [*bars, make_bar(f"{name}, best: {best.name}", best.values, "subject")]


FINDING = Floors
