"""Which tables and figures a paper wants, and what stands in their rows and columns.

A view is data (papers/*.yaml): rows and columns with a `select` each, whose union is a query on the
tidy rows. `expand` adds what was measured but is named nowhere, so that nothing can fall out of a
table unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.config import ROOT, check_schema, read_yaml
from workflow_scripts.support.errors import UserError

PAPERS_SCHEMA = ROOT / "schemas" / "papers.schema.yaml"
ACROSS = "datasets"  # scope of a view of all data sets of a benchmark; of the others it is the data set's name
Select = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: its label, its part of the query, the decimals it shows, and what is subtracted, if anything."""

    label: str
    select: Select
    digits: int
    minus: Select | None = None


@dataclass(frozen=True)
class Row:
    """A row: its section and label, its part of the query, the published values by column, and whose row it is.

    of_paper: the paper has this row, so that a value that is not there is not available, and not simply none.
    """

    section: str
    label: str
    select: Select
    published: list[float | None] = field(default_factory=list)
    of_paper: bool = False


@dataclass(frozen=True)
class View:
    """One table or figure of one scope: a data set, or all data sets of a benchmark."""

    name: str
    scope: str
    title: str
    note: str
    provenance: str | None
    columns: list[Column]
    rows: list[Row]
    figure: dict[str, Any] | None


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

    @property
    def adaptive(self) -> list[MeasuredRun]:
        """Runs that a context of a group can adapt."""
        return [run for run in self.runs if any(kind in self.groups for kind, _ in self.contexts.get(run, []))]

    @property
    def lengths(self) -> list[int]:
        """Lengths of true contexts that some run was evaluated under."""
        return sorted({length for pairs in self.contexts.values() for kind, length in pairs if kind in self.groups})


@cache
def read_paper(path: str | Path) -> dict[str, Any]:
    """Read and check a paper's YAML."""
    paper: dict[str, Any] = read_yaml(Path(path))
    check_schema(paper, PAPERS_SCHEMA, str(path))
    return paper


def list_views(path: str | Path, datasets: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (scope, table name) of every view that a paper has for the selected data sets.

    datasets: by name, the `benchmark` of each and the names of its runs, `methods`. A view across data sets needs
    two of them, a view of variants a variant.
    """
    views = []
    for name, table in read_paper(path)["tables"].items():
        own = [dataset for dataset, entry in datasets.items() if entry["benchmark"] == table["benchmark"]]
        expand = table.get("view", {}).get("expand")
        if "view" not in table or (expand == ACROSS and len(own) < 2):
            continue
        # A view of variants: of all that there are, or of those that its rows name, where these are all it has.
        rows = [] if expand else table["rows"]
        named = {row["select"]["variant"] for row in rows if row["select"].get("variant")}
        if expand == "variants" or named:
            own = [
                d
                for d in own
                if _list_variants(datasets[d]["methods"]) & (named or _list_variants(datasets[d]["methods"]))
            ]
        views += [(scope, name) for scope in ([ACROSS] if expand == ACROSS else own)]
    return views


def _list_variants(names: list[str]) -> set[str]:
    """Return the variants among names of runs."""
    return {name.partition("~")[2] for name in names if "~" in name}


def list_all_views(papers: Sequence[str | Path], datasets: dict[str, Any]) -> list[tuple[str | Path, str, str]]:
    """Return (paper, scope, table name) of every view of several papers, whose names must differ within a scope."""
    owners: dict[tuple[str, str], str | Path] = {}
    for path in papers:
        for view in list_views(path, datasets):
            if view in owners:
                raise UserError(
                    f"{owners[view]} and {path} both have a table {view[1]} of {view[0]}, which would be one file; "
                    "rename it in one of them, or select one paper (config: papers)"
                )
            owners[view] = path
    return [(path, *view) for view, path in owners.items()]


def list_judged(papers: Sequence[str | Path], datasets: dict[str, Any]) -> list[str]:
    """Return the selected data sets on whose benchmark one of the papers makes claims."""
    claims = [claim for path in papers for claim in read_paper(path)["claims"]]
    return [d for d, entry in datasets.items() if any(is_about(claim, entry["benchmark"]) for claim in claims)]


def is_about(claim: dict[str, Any], benchmark: str) -> bool:
    """Tell whether a claim, or one of its comparisons, is about a benchmark: its only one, or one of several."""
    own = claim.get("benchmark", benchmark)
    return benchmark in own if isinstance(own, list) else benchmark == own


def has_figure(path: str | Path, name: str) -> bool:
    """Tell whether a view is drawn as well."""
    return "figure" in read_paper(path)["tables"][name]["view"]


def make_view(paper: dict[str, Any], name: str, scope: str, measured: dict[str, Measured]) -> View:
    """Lay out one view. measured: by data set; a single one unless the view is across data sets."""
    table = paper["tables"][name]
    view = table["view"]
    groups = list(dict.fromkeys(group for entry in measured.values() for group in entry.groups))
    lengths = sorted({length for entry in measured.values() for length in entry.lengths})
    columns = [column for spec in view["columns"] for column in _make_columns(spec, groups, lengths)]
    rows = [
        _make_row(row, section)
        for section in view.get("sections", [{"section": "", "select": {}}])
        for row in table["rows"]
    ]
    named = {(row.select.get("method"), row.select.get("variant", "")) for row in rows}
    for dataset, entry in measured.items():
        rows += _expand_rows(view.get("expand"), dataset, entry, named, paper["controls"])
    return View(name, scope, view["title"], view["note"], table["provenance"], columns, rows, view.get("figure"))


def _make_row(spec: dict[str, Any], section: dict[str, Any]) -> Row:
    """Return a row that the paper's file names, under one of the view's sections or its own."""
    select = {**section["select"], **spec["select"]}
    label, values = spec.get("label", select.get("method", "")), spec.get("values", [])
    return Row(spec.get("section", section["section"]), label, select, values, not spec.get("ours", False))


def _make_columns(spec: dict[str, Any], groups: list[str], lengths: list[int]) -> list[Column]:
    values: dict[str, list[Any]] = {"groups": groups, "lengths": lengths}
    if "each" not in spec:
        return [Column(spec["label"], spec["select"], spec["digits"], spec.get("minus"))]
    key = {"groups": "task", "lengths": "length"}[spec["each"]]
    return [
        Column(spec["label"].format(str(value).capitalize()), {**spec["select"], key: value}, spec["digits"])
        for value in values[spec["each"]]
    ]


def _expand_rows(
    expand: str | None, dataset: str, measured: Measured, named: set[tuple[str | None, str]], controls: list[str]
) -> list[Row]:
    """Return the rows of a data set that no published row names."""
    match expand:
        case "methods":
            new = [run for run in measured.runs if (run.method, run.variant) not in named]
            return [row for run in new for row in _expand_method(run, measured, controls)]
        case "contexts":
            return [row for run in measured.runs for row in _expand_contexts(run, measured)]
        case "variants" | "groups":
            return [
                Row(f"{task} R2, {context} context", run.name, {**run.select, "task": task, "context": context})
                for task in measured.groups
                for context in measured.groups
                for run in measured.adaptive
            ]
        case "datasets":
            return [Row(dataset, run.name, {**run.select, "dataset": dataset}) for run in measured.adaptive]
    return []


def _expand_method(run: MeasuredRun, measured: Measured, controls: list[str]) -> list[Row]:
    """Rows of a run: one, or one for each group's context."""
    if run.method in controls:
        return [Row("control", run.name, run.select)]
    if not (contexts := measured.contexts.get(run)):
        return [Row(run.group or "added", run.name, run.select)]
    kinds = measured.groups if run in measured.adaptive else dict.fromkeys(kind for kind, _ in contexts)
    return [Row(kind, run.name, {**run.select, "context": kind, "length": "longest"}) for kind in kinds]


def _expand_contexts(run: MeasuredRun, measured: Measured) -> list[Row]:
    """Rows of a run: one for each context and length, or a single one."""
    if not measured.contexts.get(run):
        return [Row("no context", run.name, run.select)]
    return [
        Row(kind, f"{run.name}, {length}", {**run.select, "context": kind, "length": length})
        for kind, length in measured.contexts[run]
    ]
