"""What stands in the lines and columns of one view of one data set, or of several.

A view is data (papers/<paper>/views.yaml): lines and columns with a `select` each, whose union is a query on the tidy
rows. `expand` adds what was measured but is named nowhere, so that nothing can fall out of a table unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.measured import HIGHEST, Measured, MeasuredRun, Select
from workflow_scripts.reporting.papers import OURS, Paper, list_lines
from workflow_scripts.reporting.places import Place

CONTROL = "control"  # section of the controls that no line names
BASE = "base"  # in place of what a column subtracts: what each line says
RUNS = ("methods", "controls", "others")  # what a view is expanded by, if by runs that no line names


@dataclass(frozen=True)
class Column:
    """A column: its label, its part of the query, the decimals it shows, and what is subtracted, if anything.

    minus: `BASE` for that of each line's own `base`. optional: not every run has such a number, so that where there is
    none it is not said to be missing.
    """

    label: str
    select: Select
    digits: int
    minus: Select | str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Line:
    """A line: its section and label, its part of the query, the published values by column label, and whose it is.

    of_paper: the paper has this line, so that a value that is not there is not available, and not simply none. base:
    what columns with `minus: base` put in place of the line's own query, None where there is nothing to subtract.
    """

    section: str
    label: str
    select: Select
    published: dict[str, float | None] = field(default_factory=dict)
    of_paper: bool = False
    base: Select | None = None

    def make_query(self, column: Column) -> Select:
        """Return the query of a cell. Where neither the line nor the column names a task, it is the line's group."""
        return {"task": self.select.get("group", ""), **self.select, **column.select}

    def get_minus(self, column: Column) -> Select | None:
        """Return what is subtracted in a column, None for nothing."""
        return self.base if isinstance(column.minus, str) else column.minus

    def has(self, column: Column) -> bool:
        """Tell whether a column is about this line: one that subtracts its base is not where it has none."""
        return self.base is not None or column.minus != BASE


@dataclass(frozen=True)
class View:
    """A table's layout in one place.

    provenance: of the published values, None where the paper's are unknown. floors: what a predictor without use scores
    on the published benchmark, by a column's label, or by a section's where the columns are not different measures.
    """

    place: Place
    title: str
    note: str
    provenance: str | None
    columns: list[Column]
    lines: list[Line]
    floors: dict[str, float] = field(default_factory=dict)


def make_view(paper: Paper, place: Place, measured: dict[str, Measured]) -> View:
    """Lay out one view. measured: by data set; a single one unless the view is across data sets."""
    view = paper.views[place.table]
    published = paper.published.get(place.table, {"provenance": OURS})
    groups = list(dict.fromkeys(group for entry in measured.values() for group in entry.groups))
    lengths = sorted({length for entry in measured.values() for length in entry.lengths})
    columns = [column for spec in view["columns"] for column in _make_columns(spec, groups, lengths)]
    lines = []
    for line in list_lines(view):
        values = published.get("values", {}).get(line.section, {}).get(line.label, [])
        beside = dict(zip(published.get("columns", []), values, strict=bool(values)))
        lines.append(Line(line.section, line.label, line.select, beside, line.of_paper, line.base))
    expand, common = view.get("expand"), view.get("select", {})
    for dataset, entry in measured.items():
        if expand in RUNS:
            runs = _list_unnamed(expand, place.table, entry, paper)
            found = [line for run in runs for line in _expand_method(run, entry, paper.controls)]
        else:
            found = _expand_lines(expand, dataset, entry)
        lines += [replace(line, select={**common, **line.select}) for line in found]
    floors = published.get("floors", {}).get("values", {})
    return View(place, view["title"], view["note"], published["provenance"], columns, lines, floors)


def _make_columns(spec: dict[str, Any], groups: list[str], lengths: list[int]) -> list[Column]:
    """Return the columns of an entry: one, or one for each group or length."""
    values: dict[str, list[Any]] = {"groups": groups, "lengths": lengths}
    if "each" not in spec:
        optional = spec.get("optional", False)
        return [Column(spec["label"], spec["select"], spec["digits"], spec.get("minus"), optional)]
    key = {"groups": "task", "lengths": "level"}[spec["each"]]
    return [
        Column(spec["label"].format(str(value).capitalize()), {**spec["select"], key: value}, spec["digits"])
        for value in values[spec["each"]]
    ]


def _list_unnamed(expand: str, table: str, measured: Measured, paper: Paper) -> list[MeasuredRun]:
    """Return the runs that a view is expanded by: of those that it does not name all, controls, or controls and what
    no other view of the paper names, either."""
    new = [run for run in measured.runs if not _is_named(run, paper.views[table])]
    if expand == "methods":
        return new
    views = list(paper.views.values()) if expand == "others" else []
    unknown = [run for run in new if views and not any(_is_named(run, view) for view in views)]
    return [run for run in new if run.method in paper.controls or run in unknown]


def _is_named(run: MeasuredRun, view: dict[str, Any]) -> bool:
    """Tell whether a line of a view is about a run: of its method and variant, and of its group if it names one."""
    selects = [line.select for line in list_lines(view)]
    return any(
        (select.get("method"), select.get("group", run.group), select.get("variant", ""))
        == (run.method, run.group, run.variant)
        for select in selects
    )


def _expand_lines(expand: str | None, dataset: str, measured: Measured) -> list[Line]:
    """Return a line for each context, or run with contexts, of a data set."""
    match expand:
        case "contexts":
            return [line for run in measured.runs for line in _expand_contexts(run, measured)]
        case "variants" | "groups":
            return [
                Line(f"{task} R2, {kind} context", run.name, {**run.select, "task": task, "condition": CONTEXT + kind})
                for task in measured.groups
                for kind in measured.groups
                for run in measured.adaptive
            ]
        case "adaptive":
            return [Line("follows a context", run.name, run.select) for run in measured.adaptive]
        case "datasets":
            return [Line(dataset, run.name, {**run.select, "dataset": dataset}) for run in measured.adaptive]
    return []


def _expand_method(run: MeasuredRun, measured: Measured, controls: dict[str, str]) -> list[Line]:
    """Lines of a run: one, or one for each group's context."""
    if run.method in controls:
        return [Line(CONTROL, run.name, run.select)]
    if not (contexts := measured.contexts.get(run)):
        return [Line(run.group or "added", run.name, run.select)]
    kinds = measured.groups if run in measured.adaptive else dict.fromkeys(kind for kind, _ in contexts)
    return [Line(kind, run.name, {**run.select, "condition": CONTEXT + kind, "level": HIGHEST}) for kind in kinds]


def _expand_contexts(run: MeasuredRun, measured: Measured) -> list[Line]:
    """Lines of a run: one for each context and length, or a single one."""
    if not measured.contexts.get(run):
        return [Line("no context", run.name, run.select)]
    return [
        Line(kind, f"{run.name}, {length}", {**run.select, "condition": CONTEXT + kind, "level": length})
        for kind, length in measured.contexts[run]
    ]
