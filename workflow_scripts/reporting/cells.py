"""From a view and the rows to its cells: mean and standard deviation over seeds, beside the published value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.runs import parse_run
from workflow_scripts.reporting.layouts import Column, Measured, MeasuredRun, Row, Select, View, make_view, read_paper
from workflow_scripts.reporting.rows import read_rows


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
    """A view with its cells, `cells[row][column]`, and the caveat of its data."""

    view: View
    cells: list[list[Cell]]
    caveat: str


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
    """Return the rows that a query selects. `length: longest` and `representation: embedding` are resolved here."""
    select = {"variant": "", **select}
    if select.get("representation") == "embedding":
        select["representation"] = "z+" if select.get("context") else "h"
    longest = select.get("length") == "longest"
    for column, value in select.items():
        if not (column == "length" and longest):
            rows = rows[rows[column] == value]
    return rows[rows["length"] == rows["length"].max()] if longest and len(rows) else rows


def make_cell(rows: pd.DataFrame, row: Row, column: Column, position: int) -> Cell:
    """Compute one cell. h belongs to a run, not to a context, so a column that asks for h drops the context."""
    published = row.published[position] if position < len(row.published) else None
    select = {**row.select, **column.select}
    if select.get("representation") == "h":
        select = {key: value for key, value in select.items() if key not in ("context", "length")}
    values = select_rows(rows, select)["value"]
    if values.empty:
        return Cell(None, None, 0, published)
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return Cell(float(values.mean()), std, len(values), published)


def make_tables(
    rows_path: Path, papers: list[Path], metas: list[Path], datasets: dict[str, Any], names: list[str]
) -> list[Table]:
    """Make every table of every paper for every data set whose benchmark it is of. Reports the test split."""
    rows = read_rows(rows_path)
    rows = rows[rows["split"] == "test"]
    by_source = {meta.parent.parent.name: json.loads(meta.read_text()) for meta in metas}
    tables = []
    for dataset, settings in datasets.items():
        measured = describe_measured(rows, dataset, settings["groups"], names)
        own = rows[rows["dataset"] == dataset]
        caveat = by_source[settings["source"]]["caveat"]
        for path in papers:
            paper = read_paper(path)
            for name, table in paper["tables"].items():
                if "view" not in table or table["benchmark"] != settings["benchmark"]:
                    continue
                view = make_view(paper, name, dataset, measured)
                cells = [
                    [make_cell(own, row, column, position) for position, column in enumerate(view.columns)]
                    for row in view.rows
                ]
                tables.append(Table(view, cells, caveat))
    return tables
