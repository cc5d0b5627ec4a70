"""What can be read from each representation of each run, under each condition: one measure of all of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from workflow_scripts.reporting.measured import Measured, Select, filter_rows
from workflow_scripts.reporting.options import Query
from workflow_scripts.reporting.seeds import show

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("representation", "condition", "level")


@dataclass(frozen=True)
class Kept:
    """A measure that is higher where more is kept: what it is called, the query of its rows, decimals to show, unit."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    label: str
    select: Query
    digits: int = 1
    unit: str = ""

    def show(self, values: pd.Series) -> str:
        """Write the mean over seeds with its spread and unit."""
        return " ".join(filter(None, (show(values, self.digits), self.unit)))


@dataclass(frozen=True)
class Readout:
    """One readout of one run. where: the query of its rows, but for the measure. values: by seed."""

    name: str
    run: str
    where: Select
    values: pd.Series

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(self.values.mean())


def list_readouts(
    rows: pd.DataFrame, measured: Measured, kept: Kept, apart: Collection[str] = (), without: Collection[str] = ()
) -> list[Readout]:
    """Return every readout of every run that a measure is of, the highest mean first.

    apart: methods to leave out. without: representations to leave out.
    """
    import pandas as pd

    found = []
    for run in measured.runs:
        own = filter_rows(rows, {**run.select, **kept.select})
        if run.method in apart or own.empty:
            continue
        for key, part in own.groupby(list(PLACE), dropna=False, observed=True):
            representation, condition = map(str, key[:2])
            if representation in without:
                continue
            level = part["level"].iloc[0]
            number = None if pd.isna(level) else int(level)
            where: Select = {**run.select, "representation": representation, "condition": condition}
            where |= {} if number is None else {"level": number}
            name = name_readout(run.name, representation, condition, number)
            found.append(Readout(name, run.name, where, part.set_index("seed")["value"]))
    return sorted(found, key=lambda readout: -readout.mean)


def keep_best(readouts: list[Readout]) -> list[Readout]:
    """Return the first readout of each run, in the order given."""
    best: dict[str, Readout] = {}
    for readout in readouts:
        best.setdefault(readout.run, readout)
    return list(best.values())


def name_readout(run: str, representation: str, condition: str = "", level: int | None = None) -> str:
    """Say which readout of which run it is, and under which condition."""
    where = f", {condition} of {level}" if level is not None else f", {condition}" if condition else ""
    return f"{run} ({representation}{where})"
