"""Queries on rows, and what there is to query: the runs of a data set and the contexts they were evaluated under."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.experiment.runs import make_name, parse_name

if TYPE_CHECKING:
    import pandas as pd

Select = dict[str, Any]
HIGHEST = "highest"  # the level, in a query, that is the highest measured
# What a representation means for a method: under a context, and of one without.
READOUTS = {"embedding": ("z+", "h"), "output": ("z+", "g")}


@dataclass(frozen=True)
class MeasuredRun:
    """A configured or measured run, of any seed."""

    method: str
    group: str
    variant: str

    @property
    def name(self) -> str:
        """The run's name, `<method>[@group][~variant]`."""
        return make_name(self.method, self.group, self.variant)

    @property
    def select(self) -> Select:
        """The query for this run's rows."""
        return {"method": self.method, "group": self.group, "variant": self.variant}


@dataclass(frozen=True)
class Measured:
    """What there is to show of a data set: its groups, its runs, and (kind, length) of the contexts of each."""

    groups: list[str]
    runs: list[MeasuredRun]
    contexts: dict[MeasuredRun, list[tuple[str, int]]]

    @property
    def adaptive(self) -> list[MeasuredRun]:
        """Runs that a context of a group can adapt."""
        return [run for run in self.runs if any(kind in self.groups for kind, _ in self.contexts.get(run, []))]

    @property
    def lengths(self) -> list[int]:
        """Lengths of true contexts that some run was evaluated under."""
        return sorted({length for pairs in self.contexts.values() for kind, length in pairs if kind in self.groups})


def describe_measured(rows: pd.DataFrame, dataset: str, groups: list[str], names: Iterable[str]) -> Measured:
    """Say what there is of a data set: configured runs first, then those that only the rows know."""
    rows = rows[rows["dataset"] == dataset]
    runs = [MeasuredRun(*parse_name(name)) for name in names]
    found = rows[["method", "group", "variant"]].drop_duplicates().itertuples(index=False)
    runs += [run for run in (MeasuredRun(*map(str, key)) for key in found) if run not in runs]
    contexts: dict[MeasuredRun, list[tuple[str, int]]] = {}
    for run in runs:
        own = filter_rows(rows, run.select)[["condition", "level"]].drop_duplicates()
        pairs = [
            (str(condition).removeprefix(CONTEXT), int(level))
            for condition, level in own.itertuples(index=False)
            if str(condition).startswith(CONTEXT)
        ]
        # True contexts first, then controls.
        contexts[run] = sorted(pairs, key=lambda pair: (pair[0] not in groups, pair[0], pair[1]))
    return Measured(groups, runs, contexts)


def filter_rows(rows: pd.DataFrame, select: Select) -> pd.DataFrame:
    """Return the rows that have exactly these values, whatever stands in the other columns."""
    return rows[_find_rows(rows, select)]


def _find_rows(rows: pd.DataFrame, select: Select) -> np.ndarray:
    """Tell which rows have exactly these values."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in select.items():
        chosen &= _find_equal(rows[column], value)
    return chosen


def _find_equal(column: pd.Series, value: Any) -> np.ndarray:
    """Tell where a column has a value. Categories are compared by their codes: queries are many."""
    import pandas as pd

    values = column.array
    if not isinstance(values, pd.Categorical):
        return (column == value).to_numpy(dtype=bool, na_value=False)
    categories, codes = values.categories, np.asarray(values.codes)
    return codes == categories.get_loc(value) if value in categories else np.zeros(len(codes), dtype=bool)


def select_rows(rows: pd.DataFrame, select: Select) -> pd.DataFrame:
    """Return the rows that a query selects; without a variant or a condition in it, those that have none.

    `level: highest` and what a `representation` means for a method are resolved here: `embedding` is z+ or h,
    `output` is z+ or g.
    """
    return rows[_find_selected(rows, select)]


def _find_selected(rows: pd.DataFrame, select: Select) -> np.ndarray:
    """Tell which rows a query selects."""
    select = {"variant": "", "condition": "", **select}
    under_context = select["condition"].startswith(CONTEXT)
    if (readouts := READOUTS.get(select.get("representation", ""))) is not None:
        select["representation"] = readouts[0 if under_context else 1]
    if select.get("representation") == "h" and under_context:  # h is the same under every context
        select = {key: value for key, value in select.items() if key != "level"} | {"condition": ""}
    highest = select.get("level") == HIGHEST
    chosen = _find_rows(rows, {key: value for key, value in select.items() if not (key == "level" and highest)})
    return chosen & _find_equal(rows["level"], rows["level"][chosen].max()) if highest and chosen.any() else chosen


def read_values(rows: pd.DataFrame, select: Select, minus: Select | None = None) -> pd.Series:
    """Return the values that a query selects, by seed; less those that it selects with `minus` in place of its own."""
    values = _read_by_seed(rows, select)
    if minus is not None:
        values = (values - _read_by_seed(rows, {**select, **minus})).dropna()
    return values


def _read_by_seed(rows: pd.DataFrame, select: Select) -> pd.Series:
    """Return the values that a query selects. Other columns are left where they are: queries are many."""
    import pandas as pd

    chosen = _find_selected(rows, select)
    seeds = pd.Index(rows["seed"].to_numpy()[chosen], name="seed")
    return pd.Series(rows["value"].to_numpy()[chosen], index=seeds, name="value")
