"""What stands in the lines and columns of one view of one data set, or of several.

A view is data (papers/<paper>/views.yaml): lines and columns with a `select` each, whose union is a query on the tidy
rows. `expand` adds what was measured but is named nowhere, so that nothing can fall out of a table unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.measured import HIGHEST, Measured, MeasuredRun, Select
from workflow_scripts.reporting.papers import OURS, Paper, list_lines
from workflow_scripts.reporting.places import Place


@dataclass(frozen=True)
class Column:
    """A column: its label, its part of the query, the decimals it shows, and what is subtracted, if anything."""

    label: str
    select: Select
    digits: int
    minus: Select | None = None


@dataclass(frozen=True)
class Line:
    """A line: its section and label, its part of the query, the published values by column label, and whose it is.

    of_paper: the paper has this line, so that a value that is not there is not available, and not simply none.
    """

    section: str
    label: str
    select: Select
    published: dict[str, float | None] = field(default_factory=dict)
    of_paper: bool = False


@dataclass(frozen=True)
class View:
    """A table's layout in one place. provenance: of the published values, None where the paper's are unknown."""

    place: Place
    title: str
    note: str
    provenance: str | None
    columns: list[Column]
    lines: list[Line]


def make_view(paper: Paper, place: Place, measured: dict[str, Measured]) -> View:
    """Lay out one view. measured: by data set; a single one unless the view is across data sets."""
    view = paper.views[place.table]
    published = paper.published.get(place.table, {"provenance": OURS})
    groups = list(dict.fromkeys(group for entry in measured.values() for group in entry.groups))
    lengths = sorted({length for entry in measured.values() for length in entry.lengths})
    columns = [column for spec in view["columns"] for column in _make_columns(spec, groups, lengths)]
    lines = []
    for section, label, select, of_paper in list_lines(view):
        values = published.get("values", {}).get(section, {}).get(label, [])
        beside = dict(zip(published.get("columns", []), values, strict=bool(values)))
        lines.append(Line(section, label, select, beside, of_paper))
    named = {(line.select.get("method"), line.select.get("variant", "")) for line in lines}
    for dataset, entry in measured.items():
        lines += _expand_lines(view.get("expand"), dataset, entry, named, paper.controls)
    return View(place, view["title"], view["note"], published["provenance"], columns, lines)


def _make_columns(spec: dict[str, Any], groups: list[str], lengths: list[int]) -> list[Column]:
    """Return the columns of an entry: one, or one for each group or length."""
    values: dict[str, list[Any]] = {"groups": groups, "lengths": lengths}
    if "each" not in spec:
        return [Column(spec["label"], spec["select"], spec["digits"], spec.get("minus"))]
    key = {"groups": "task", "lengths": "level"}[spec["each"]]
    return [
        Column(spec["label"].format(str(value).capitalize()), {**spec["select"], key: value}, spec["digits"])
        for value in values[spec["each"]]
    ]


def _expand_lines(
    expand: str | None,
    dataset: str,
    measured: Measured,
    named: set[tuple[str | None, str]],
    controls: dict[str, str],
) -> list[Line]:
    """Return the lines of a data set that no named line is of."""
    match expand:
        case "methods":
            new = [run for run in measured.runs if (run.method, run.variant) not in named]
            return [line for run in new for line in _expand_method(run, measured, controls)]
        case "contexts":
            return [line for run in measured.runs for line in _expand_contexts(run, measured)]
        case "variants" | "groups":
            return [
                Line(f"{task} R2, {kind} context", run.name, {**run.select, "task": task, "condition": CONTEXT + kind})
                for task in measured.groups
                for kind in measured.groups
                for run in measured.adaptive
            ]
        case "datasets":
            return [Line(dataset, run.name, {**run.select, "dataset": dataset}) for run in measured.adaptive]
    return []


def _expand_method(run: MeasuredRun, measured: Measured, controls: dict[str, str]) -> list[Line]:
    """Lines of a run: one, or one for each group's context."""
    if run.method in controls:
        return [Line("control", run.name, run.select)]
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
