"""From a view and the rows to its cells: mean and standard deviation over seeds, beside the published value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from workflow_scripts.experiment.runs import make_name, parse_folder
from workflow_scripts.reporting.evaluations import Reasons, find_reason, read_reasons
from workflow_scripts.reporting.figures.base import FigureKind, Subject
from workflow_scripts.reporting.findings.base import Statement
from workflow_scripts.reporting.layouts import Column, Line, View, make_view
from workflow_scripts.reporting.measured import Measured, describe_measured, read_values
from workflow_scripts.reporting.papers import Paper
from workflow_scripts.reporting.places import ACROSS, Datasets, Place, list_own, list_places
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
    """A view with its cells, `cells[line][column]`.

    caveat: of its data. rows: what it was made of. figure: see reporting/figures, None for none. findings: statements.
    reasons: why a cell is empty, by line and column, where the evaluation of its run said so.
    """

    view: View
    cells: list[list[Cell]]
    caveat: str
    rows: pd.DataFrame
    figure: FigureKind | None
    findings: list[Statement]
    reasons: dict[tuple[int, int], str] = field(default_factory=dict)


def make_cell(rows: pd.DataFrame, line: Line, column: Column) -> Cell:
    """Compute one cell, by seed, then over seeds."""
    published = line.published.get(column.label)
    values = read_values(rows, line.make_query(column), line.get_minus(column))
    if values.empty or not line.has(column):
        return Cell(None, None, 0, published)
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return Cell(float(values.mean()), std, len(values), published)


@dataclass(frozen=True)
class Material:
    """What views are made of. rows: of the test split. measured and caveats: by data set. reasons: see `Reasons`."""

    rows: pd.DataFrame
    datasets: Datasets
    measured: dict[str, Measured]
    caveats: dict[str, str]
    reasons: Reasons = field(default_factory=dict)


def read_material(rows_path: Path, metas: list[Path], datasets: Datasets, runs: list[Path]) -> Material:
    """Read everything that views are made of. metas: meta.json of the sources. runs: folders, for training times."""
    rows = read_rows(rows_path)
    rows = pd.concat([rows[rows["split"] == "test"], make_training_rows(runs)])
    # Hundreds of queries follow: categories are compared by number, text is not.
    rows = rows.astype({name: "category" for name, kind in KEY_COLUMNS.items() if kind == "str"})
    sources = {meta.parent.parent.name: read_json(meta)["caveat"] for meta in metas}
    measured = {
        name: describe_measured(rows, name, entry["groups"], entry["methods"]) for name, entry in datasets.items()
    }
    caveats = {name: sources[entry["source"]] for name, entry in datasets.items()}
    return Material(rows, datasets, measured, caveats, read_reasons(runs))


def make_tables(material: Material, paper: Paper) -> list[Table]:
    """Make every table of a paper."""
    tables = []
    for place in list_places(paper, material.datasets):
        spec = paper.views[place.table]
        if "columns" not in spec:
            continue
        scoped = [place.scope]
        if place.scope == ACROSS:
            scoped = list_own(paper, spec["benchmark"], material.datasets)
        view = make_view(paper, place, {dataset: material.measured[dataset] for dataset in scoped})
        own = material.rows[material.rows["dataset"].isin(scoped)]
        cells = [[make_cell(own, line, column) for column in view.columns] for line in view.lines]
        caveat = "; ".join(dict.fromkeys(filter(None, (material.caveats[dataset] for dataset in scoped))))
        findings = [
            statement
            for finding in paper.findings[place.table]
            for dataset in scoped
            for statement in finding.describe(
                own[own["dataset"] == dataset], material.measured[dataset], material.datasets[dataset]["settings"]
            )
        ]
        reasons = _explain_empty(view, cells, material)
        tables.append(Table(view, cells, caveat, own, paper.figures.get(place.table), findings, reasons))
    return tables


def _explain_empty(view: View, cells: list[list[Cell]], material: Material) -> dict[tuple[int, int], str]:
    """Return why cells are empty, by line and column, of tasks that are the names of other data."""
    if view.place.scope not in material.measured or not material.reasons:
        return {}
    own = ("", "class", *material.measured[view.place.scope].groups)
    found = {}
    for i, line in enumerate(view.lines):
        for j, column in enumerate(view.columns):
            query = line.make_query(column)
            if cells[i][j].mean is None and (task := query["task"]) not in own and line.has(column):
                name = make_name(query.get("method", ""), query.get("group", ""), query.get("variant", ""))
                if reason := find_reason(material.reasons.get((view.place.scope, name), ()), task):
                    found[i, j] = reason
    return found


def list_subjects(
    material: Material, paper: Paper, runs: list[Path], packed: dict[str, Path]
) -> Iterator[tuple[Place, FigureKind, Subject]]:
    """Yield every figure of a paper, where it is of, and what it is drawn of.

    runs: folders of all runs. packed: folders of packed data by source.
    """
    for table in make_tables(material, paper):
        if table.figure is not None:
            yield table.view.place, table.figure, Subject(table.view.place.scope, table.caveat, table)
    for place in list_places(paper, material.datasets):
        if "columns" not in paper.views[place.table]:
            folder = packed[material.datasets[place.scope]["source"]]
            caveat, own = material.caveats[place.scope], _list_first_seed(runs, place.scope)
            yield place, paper.figures[place.table], Subject(place.scope, caveat, None, own, folder)


def _list_first_seed(runs: list[Path], dataset: str) -> tuple[Path, ...]:
    """Return the folders of the runs on a data set that have the seed of the first one."""
    own = [(parse_folder(folder).seed, folder) for folder in runs if parse_folder(folder).dataset == dataset]
    return tuple(folder for seed, folder in own if seed == own[0][0])
