"""Which run keeps most of each property of the data, and at which cost, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict

from workflow_scripts.reporting.measured import Measured, Select, filter_rows, select_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.options import Query

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("representation", "condition", "level")


@dataclass(frozen=True)
class Kept:
    """A measure that is higher where more is kept: what it is called, the query of its rows, decimals to show."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    label: str
    select: Query
    digits: int = 1


@dataclass(frozen=True)
class Readout:
    """One readout of one run, the mean and standard deviation over seeds of a measure of it, and its cost.

    cost: by how much it is below the reference, with the sign of a difference; None where one of the two is missing.
    """

    name: str
    run: str
    mean: float
    std: float | None
    cost: float | None


@dataclass(frozen=True)
class Keeps:
    """A sentence on each measure: the readout that is highest, what it costs, and the highest of another run.

    kept: the measures. cost: what one pays with. reference: selects whose cost is 0. apart: methods that are compared
    with nothing; without: readouts that are not, either. All others of a run count, under every context. Numbers are
    means over seeds.
    """

    kept: list[Kept]
    cost: Kept
    reference: Query
    apart: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        sentences = []
        for kept in self.kept:
            if found := self.list_readouts(rows, measured, kept):
                sentences.append(self._describe_best(kept, found))
        return sentences

    def list_readouts(self, rows: pd.DataFrame, measured: Measured, kept: Kept) -> list[Readout]:
        """Return every readout of every run that a measure is of, the highest first."""
        import pandas as pd

        paid = select_rows(rows, {**self.reference, **self.cost.select}).set_index("seed")["value"]
        found = []
        for run in measured.runs:
            own = filter_rows(rows, {**run.select, **kept.select})
            if run.method in self.apart or own.empty:
                continue
            for key, part in own.groupby(list(PLACE), dropna=False, observed=True):
                place: Select = dict(zip(PLACE, map(str, key), strict=True))
                if place["representation"] in self.without:
                    continue
                level = part["level"].iloc[0]
                place |= {"level": None if pd.isna(level) else int(level)}
                where = {column: value for column, value in place.items() if value is not None}
                spent = select_rows(rows, {**run.select, **self.cost.select, **where}).set_index("seed")["value"]
                costs = (spent - paid).dropna()
                name = name_readout(run.name, **place)
                mean, std = part["value"].mean(), part["value"].std(ddof=1)
                spread = float(std) if len(part) > 1 else None
                cost = float(costs.mean()) if len(costs) else None
                found.append(Readout(name, run.name, float(mean), spread, cost))
        return sorted(found, key=lambda readout: -readout.mean)

    def _describe_best(self, kept: Kept, found: list[Readout]) -> str:
        best = found[0]
        cost = f", {self._show_cost(best)}" if best.cost is not None else ""
        sentence = f"Most of {kept.label} is kept by {best.name}: {_show(best, kept.digits)}{cost}"
        if other := next((readout for readout in found if readout.run != best.run), None):
            cost = f", {self._show_cost(other)}" if other.cost is not None else ""
            sentence += f". The highest of another run is {other.name}: {_show(other, kept.digits)}{cost}"
        return sentence + "."

    def _show_cost(self, readout: Readout) -> str:
        assert readout.cost is not None
        size = format_number(abs(readout.cost), self.cost.digits)
        way = "more" if readout.cost >= 0 else "less"
        return f"with {size} {way} {self.cost.label} than {self.reference['method']}"


def name_readout(run: str, representation: str, condition: str = "", level: int | None = None) -> str:
    """Say which readout of which run it is, and under which condition."""
    where = f", {condition} of {level}" if level is not None else f", {condition}" if condition else ""
    return f"{run} ({representation}{where})"


def _show(readout: Readout, digits: int) -> str:
    spread = "" if readout.std is None else f" ± {format_number(readout.std, digits)}"
    return f"{format_number(readout.mean, digits)}{spread}"


FINDING = Keeps
