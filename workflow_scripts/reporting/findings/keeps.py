"""Which run keeps most of each property of the data, and at which cost, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, read_values
from workflow_scripts.reporting.numbers import format_mean
from workflow_scripts.reporting.options import Query
from workflow_scripts.reporting.readouts import Kept, Readout, keep_best, list_readouts
from workflow_scripts.reporting.seeds import compare, summarise

if TYPE_CHECKING:
    import pandas as pd

WORTH = 0.02  # share of the floor by which the highest must exceed it to say that something was kept
BARS = 6  # runs in the figure


@dataclass(frozen=True)
class Keeps:
    """A headline on each measure: the readout that is highest, what it costs, and the highest of another run.

    kept: the measures. cost: what one pays with. reference: selects whose cost is 0. floor: selects a run that learnt
    nothing, called `floor_label`; where the highest is not above it, the sentence is no headline. apart: methods that
    are compared with nothing; without: readouts that are not, either. All others of a run count, under every context.
    """

    kept: list[Kept]
    cost: Kept
    reference: Query
    floor: Query = field(default_factory=dict)
    floor_label: str = "untrained"
    apart: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        found = [(kept, list_readouts(rows, measured, kept, self.apart, self.without)) for kept in self.kept]
        return [self._describe_best(rows, kept, keep_best(readouts)) for kept, readouts in found if readouts]

    def _describe_best(self, rows: pd.DataFrame, kept: Kept, best: list[Readout]) -> Statement:
        first, floor = best[0], self._read_floor(rows, kept)
        beside = "" if floor.empty else f" ({self.floor_label}: {kept.show(floor)})"
        text = f"{kept.label} is read best from {first.name}: {kept.show(first.values)}{beside}"
        text = text[:1].upper() + text[1:] + self._show_cost(rows, first)
        if len(best) > 1:
            order = "next is" if compare(first.values, best[1].values) > 0 else "too close to tell from it is"
            cost = self._show_cost(rows, best[1])
            text += f"; {order} {best[1].name}: {kept.show(best[1].values)}{cost}"
        exceeds = floor.empty or first.mean > (1 + WORTH) * float(floor.mean())
        measure = f"{kept.label} [{kept.unit}]" if kept.unit else kept.label
        return Statement(f"{text}.", exceeds and len(best) > 1, measure, self._draw(best, floor), kept.digits)

    def _read_floor(self, rows: pd.DataFrame, kept: Kept) -> pd.Series:
        """Return the values of the floor by seed, none without a floor."""
        found = read_values(rows, {**self.floor, **kept.select})
        return found if self.floor else found[:0]

    def _draw(self, best: list[Readout], floor: pd.Series) -> tuple[Bar, ...]:
        bars = [make_bar(r.name, r.values, "rival" if i else "subject") for i, r in enumerate(best[:BARS])]
        return (*bars, *([] if floor.empty else [make_bar(self.floor_label, floor, "floor")]))

    def _show_cost(self, rows: pd.DataFrame, readout: Readout) -> str:
        """Say by how much the cost is above or below the reference's; "" where one of the two is missing."""
        paid = read_values(rows, {**self.reference, **self.cost.select})
        costs = (read_values(rows, {**readout.where, **self.cost.select}) - paid).dropna()
        if costs.empty or readout.run == self.reference["method"]:
            return ""
        mean, spread = summarise(costs)
        size = " ".join(filter(None, (format_mean(abs(mean), spread or None, self.cost.digits), self.cost.unit)))
        return f", with {size} {'more' if mean >= 0 else 'less'} {self.cost.label} than {self.reference['method']}"


FINDING = Keeps
