"""Which tables and figures a paper wants, and what stands in their rows and columns.

A view is data (papers/*.yaml): rows and columns with a `select` each, whose union is a query on the
tidy rows. `expand` adds what was measured but is named nowhere, so that nothing can fall out of a
table unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.config import ROOT, check_schema, read_yaml

PAPERS_SCHEMA = ROOT / "schemas" / "papers.schema.yaml"
Select = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: its label, its part of the query, and the decimals it shows."""

    label: str
    select: Select
    digits: int


@dataclass(frozen=True)
class Row:
    """A row: its section and label, its part of the query, and the published values by column."""

    section: str
    label: str
    select: Select
    published: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class View:
    """One table or figure of one data set."""

    name: str
    dataset: str
    title: str
    note: str
    provenance: str | None
    columns: list[Column]
    rows: list[Row]
    figure: dict[str, Any] | None


@cache
def read_paper(path: str | Path) -> dict[str, Any]:
    """Read and check a paper's YAML."""
    paper: dict[str, Any] = read_yaml(Path(path))
    check_schema(paper, PAPERS_SCHEMA, str(path))
    return paper


def layout_names(path: str | Path, benchmark: str, kind: str) -> list[str]:
    """Return the names of a paper's tables (kind "table") or figures ("figure") for a benchmark."""
    tables = read_paper(path)["tables"].items()
    views = {name: table["view"] for name, table in tables if table["benchmark"] == benchmark and "view" in table}
    return [name for name, view in views.items() if kind == "table" or "figure" in view]


def make_view(paper: dict[str, Any], name: str, dataset: str, measured: Measured) -> View:
    """Lay out one table of a paper for one data set."""
    table = paper["tables"][name]
    view = table["view"]
    columns = [column for spec in view["columns"] for column in _make_columns(spec, measured.groups)]
    rows = [
        Row(row["section"], row.get("label", row["select"].get("method", "")), row["select"], row.get("values", []))
        for row in table["rows"]
    ]
    named = {row.select.get("method") for row in rows}
    if view.get("expand") == "methods":
        rows += [
            row
            for run in measured.runs
            if run.method not in named or run.variant
            for row in _expand(run, measured, paper)
        ]
    elif view.get("expand") == "contexts":
        rows += [row for run in measured.runs for row in _expand_contexts(run, measured)]
    note = view["note"]
    return View(name, dataset, view["title"], note, table["provenance"], columns, rows, view.get("figure"))


@dataclass(frozen=True)
class MeasuredRun:
    """A configured or measured run, of any seed."""

    method: str
    group: str
    variant: str

    @property
    def name(self) -> str:
        """The run's name, `<method>[@group][~variant]`."""
        return self.method + (f"@{self.group}" if self.group else "") + (f"~{self.variant}" if self.variant else "")

    @property
    def select(self) -> Select:
        """The query for this run's rows."""
        return {"method": self.method, "group": self.group, "variant": self.variant}


@dataclass(frozen=True)
class Measured:
    """What there is to show of a data set: its groups, its runs, and the contexts each run was evaluated under."""

    groups: list[str]
    runs: list[MeasuredRun]
    contexts: dict[MeasuredRun, list[tuple[str, int]]]


def _make_columns(spec: dict[str, Any], groups: list[str]) -> list[Column]:
    if "each" not in spec:
        return [Column(spec["label"], spec["select"], spec["digits"])]
    return [
        Column(spec["label"].format(group=group.capitalize()), {**spec["select"], "task": group}, spec["digits"])
        for group in groups
    ]


def _expand(run: MeasuredRun, measured: Measured, paper: dict[str, Any]) -> list[Row]:
    """Rows of a run that no published row names: one, or one for each group's context."""
    if run.method in paper["controls"]:
        return [Row("control", run.name, run.select)]
    if not measured.contexts.get(run):
        return [Row(run.group or "added", run.name, run.select)]
    return [Row(group, run.name, {**run.select, "context": group, "length": "longest"}) for group in measured.groups]


def _expand_contexts(run: MeasuredRun, measured: Measured) -> list[Row]:
    """Rows of a run: one for each context and length, or a single one."""
    contexts = measured.contexts.get(run)
    if not contexts:
        return [Row("no context", run.name, run.select)]
    return [
        Row(kind, f"{run.name}, {length}", {**run.select, "context": kind, "length": length})
        for kind, length in contexts
    ]
