"""From a view and the rows to its cells: mean and standard deviation over seeds, beside the published value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.experiment.runs import parse_run
from workflow_scripts.reporting.layouts import (
    ACROSS,
    Column,
    Measured,
    MeasuredRun,
    Row,
    Select,
    View,
    list_all_views,
    make_view,
    read_paper,
)
from workflow_scripts.reporting.times import make_training_rows
from workflow_scripts.rows import KEY_COLUMNS, read_rows
from workflow_scripts.support.files import read_json


@dataclass(frozen=True)
class Cell:
    """A number of a table: the mean over `seeds` seeds, its standard deviation, and the published value."""

    mean: float | None
    std: float | None
    seeds: int
    published: float | None

    @property
    def difference(self) -> float | None:
        """Measured minus published, where there are both."""
        return None if self.mean is None or self.published is None else self.mean - self.published


@dataclass(frozen=True)
class Table:
    """A view with its cells, `cells[row][column]`, the caveat of its data, and what a constant scores by section."""

    view: View
    cells: list[list[Cell]]
    caveat: str
    floors: dict[str, float]


def describe_measured(rows: pd.DataFrame, dataset: str, groups: list[str], names: Iterable[str]) -> Measured:
    """Say what there is of a data set: configured runs first, then those that only the rows know."""
    rows = rows[rows["dataset"] == dataset]
    runs = [MeasuredRun(run.method, run.group, run.variant) for run in (parse_run(dataset, name, 0) for name in names)]
    found = rows[["method", "group", "variant"]].drop_duplicates().itertuples(index=False)
    runs += [run for run in (MeasuredRun(*map(str, key)) for key in found) if run not in runs]
    contexts: dict[MeasuredRun, list[tuple[str, int]]] = {}
    for run in runs:
        own = select_rows(rows, run.select)
        own = own[own["context"] != ""][["context", "length"]].drop_duplicates()
        pairs = [(str(kind), int(length)) for kind, length in own.itertuples(index=False)]
        # True contexts first, then controls.
        contexts[run] = sorted(pairs, key=lambda pair: (pair[0] not in groups, pair[0], pair[1]))
    return Measured(groups, runs, contexts)


def select_rows(rows: pd.DataFrame, select: Select) -> pd.DataFrame:
    """Return the rows that a query selects.

    `length: longest` and what a `representation` means for a method are resolved here: `embedding` is z+ or h,
    `output` is z+ or g.
    """
    select = {"variant": "", **select}
    if select.get("representation") in ("embedding", "output"):
        select["representation"] = (
            "z+" if select.get("context") else {"embedding": "h", "output": "g"}[select["representation"]]
        )
    if select.get("representation") == "h":  # h belongs to a run, not to a context
        select = {key: value for key, value in select.items() if key not in ("context", "length")}
    longest = select.get("length") == "longest"
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in select.items():
        if not (column == "length" and longest):
            chosen &= (rows[column] == value).to_numpy(dtype=bool, na_value=False)
    rows = rows[chosen]
    return rows[rows["length"] == rows["length"].max()] if longest and len(rows) else rows


def read_values(rows: pd.DataFrame, select: Select, minus: Select | None = None) -> pd.Series:
    """Return the values that a query selects, by seed; less those that it selects with `minus` in place of its own."""
    values: pd.Series = select_rows(rows, select).set_index("seed")["value"]
    if minus is not None:
        values = (values - select_rows(rows, {**select, **minus}).set_index("seed")["value"]).dropna()
    return values


def make_cell(rows: pd.DataFrame, row: Row, column: Column, position: int) -> Cell:
    """Compute one cell, by seed, then over seeds."""
    published = row.published[position] if position < len(row.published) else None
    values = read_values(rows, {**row.select, **column.select}, column.minus)
    if values.empty:
        return Cell(None, None, 0, published)
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return Cell(float(values.mean()), std, len(values), published)


def make_floors(rows: pd.DataFrame, view: View) -> dict[str, float]:
    """Return by section (a task) the mean of what the figure's `floor` selects, where it was measured."""
    floor = (view.figure or {}).get("floor")
    if not floor:
        return {}
    found = {row.section: select_rows(rows, {**floor, "task": row.section})["value"] for row in view.rows}
    return {section: float(values.mean()) for section, values in found.items() if len(values)}


@dataclass(frozen=True)
class Material:
    """What views are made of.

    rows: of the test split. datasets: by name, source, benchmark, groups and names of runs (`methods`). measured and
    caveats: by data set.
    """

    rows: pd.DataFrame
    datasets: dict[str, Any]
    measured: dict[str, Measured]
    caveats: dict[str, str]


def read_material(rows_path: Path, metas: list[Path], datasets: dict[str, Any], histories: list[Path]) -> Material:
    """Read everything that views are made of. metas: meta.json of the sources. histories: for the time of trainings."""
    rows = read_rows(rows_path)
    rows = pd.concat([rows[rows["split"] == "test"], make_training_rows(histories)])
    # Hundreds of queries follow: categories are compared by number, text is not.
    rows = rows.astype({name: "category" for name, kind in KEY_COLUMNS.items() if kind == "str"})
    sources = {meta.parent.parent.name: read_json(meta)["caveat"] for meta in metas}
    measured = {
        name: describe_measured(rows, name, entry["groups"], entry["methods"]) for name, entry in datasets.items()
    }
    return Material(rows, datasets, measured, {name: sources[entry["source"]] for name, entry in datasets.items()})


def make_tables(material: Material, papers: list[Path]) -> list[Table]:
    """Make every view of every paper."""
    tables = []
    for path, scope, name in list_all_views(papers, material.datasets):
        paper = read_paper(path)
        benchmark = paper["tables"][name]["benchmark"]
        datasets = material.datasets.items()
        scoped = [d for d, entry in datasets if entry["benchmark"] == benchmark and scope in (ACROSS, d)]
        view = make_view(paper, name, scope, {dataset: material.measured[dataset] for dataset in scoped})
        own = material.rows[material.rows["dataset"].isin(scoped)]
        cells = [
            [make_cell(own, row, column, position) for position, column in enumerate(view.columns)] for row in view.rows
        ]
        caveat = "; ".join(dict.fromkeys(filter(None, (material.caveats[dataset] for dataset in scoped))))
        tables.append(Table(view, cells, caveat, make_floors(own, view)))
    return tables
