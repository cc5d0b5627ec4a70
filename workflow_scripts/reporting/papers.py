"""A paper as data: what it published, how its tables are made of our rows, and what it claims.

A paper is a folder papers/<paper>/ with up to three files of that kind: published.yaml, views.yaml and claims.yaml. Its
experiments stand beside them. A folder without these files is a place for experiments only: it has no tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.checking import check_schema
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import SCHEMAS, suggest
from workflow_scripts.reporting.figures.base import FigureKind
from workflow_scripts.reporting.findings.base import Finding
from workflow_scripts.reporting.options import make_plugin
from workflow_scripts.support.errors import UserError

FILES = ("published.yaml", "views.yaml", "claims.yaml")
FIGURES, FINDINGS = ("reporting.figures", "FIGURE"), ("reporting.findings", "FINDING")  # where plug-ins are
MOST_LEADING = 3  # figures of a benchmark that stand beside its verdicts
OURS = "ours"  # provenance of a view that the paper does not have


@dataclass(frozen=True)
class Paper:
    """A paper's folder, read and checked.

    benchmarks: what its tables and claims are of. controls: methods that bound the others, each with a phrase that says
    how. symbols: what letters in its tables stand for. published, views, figures and findings: by table.
    """

    name: str
    title: str
    citation: str
    benchmarks: list[str]
    controls: dict[str, str]
    symbols: dict[str, str]
    published: dict[str, Any]
    views: dict[str, Any]
    figures: dict[str, FigureKind]
    findings: dict[str, list[Finding]]
    claims: list[dict[str, Any]]


@dataclass(frozen=True)
class NamedLine:
    """A line that a view names: its section and label, and its part of the query.

    of_paper: whether the paper has it. base: what a column with `minus: base` puts in place of the line's own query,
    None where the line is compared with none.
    """

    section: str
    label: str
    select: dict[str, Any]
    of_paper: bool
    base: dict[str, Any] | None


@cache
def read_paper(folder: str | Path) -> Paper:
    """Read and check a paper's folder.

    Raises `UserError` for a folder that is not there, a key that no schema knows, a published table without a view,
    a published value that no line or column shows, a benchmark that the paper does not have, and too many views that
    lead.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; `papers` of the config names folders of papers/")
    published = _read_file(folder / FILES[0], {"title": folder.name, "citation": ""})
    views = _read_file(folder / FILES[1], {"benchmarks": [], "tables": {}})
    claims = _read_file(folder / FILES[2], [])
    tables = published.get("tables", {})
    for name, table in tables.items():
        _check_published(name, table, views["tables"].get(name), folder)
    figures, findings = {}, {}
    for name, view in views["tables"].items():
        where = f"{folder / FILES[1]}: tables.{name}"
        _check_lines(view, where)
        findings[name] = [make_plugin(*FINDINGS, spec, f"{where}.findings") for spec in view.get("findings", [])]
        if "figure" in view:
            figures[name] = _make_figure(view, where)
        _check_benchmarks(as_list(view["benchmark"]), views["benchmarks"], where)
    _check_leading(views["tables"], folder)
    for number, claim in enumerate(claims):
        where = f"{folder / FILES[2]}: {number}"
        for spec in (claim, *claim["comparisons"]):
            _check_benchmarks(as_list(spec.get("benchmark", [])), views["benchmarks"], where)
        if isinstance(ceiling := claim.get("ceiling"), dict) and ceiling["method"] not in views.get("controls", {}):
            meant = suggest(ceiling["method"], views.get("controls", {}))
            raise UserError(f"{where}.ceiling: {ceiling['method']!r} is no control in {FILES[1]}; {meant}")
    for key in ("id", "text"):  # the text stands alone in README
        values = [claim[key] for claim in claims]
        if repeated := {value for value in values if values.count(value) > 1}:
            raise UserError(f"{folder / FILES[2]} has two claims with the {key} {min(repeated)!r}; change one")
    title, citation = published["title"], published["citation"]
    words = (views["benchmarks"], views.get("controls", {}), views.get("symbols", {}))
    return Paper(folder.name, title, citation, *words, tables, views["tables"], figures, findings, claims)


def _read_file(path: Path, otherwise: Any) -> Any:
    """Return the content of one of a paper's files, checked against its schema; `otherwise` where there is none."""
    if not path.exists():
        return otherwise
    content = read_yaml(path)
    check_schema(content, SCHEMAS / "papers" / f"{path.stem}.schema.yaml", str(path))
    return content


def _check_published(name: str, table: dict[str, Any], view: dict[str, Any] | None, folder: Path) -> None:
    """Raise `UserError` where something published would be shown nowhere."""
    where = f"{folder / FILES[0]}: tables.{name}"
    if table.get("view") == "none":
        if view is not None:
            raise UserError(f"{where} says `view: none`, but {FILES[1]} has a view of it; delete one of the two")
        return
    if view is None:
        raise UserError(f"{where} has no view; add one of this name to {folder / FILES[1]}, or say `view: none`")
    lines = list_labels(view)
    for section, values in table.get("values", {}).items():
        for label, numbers in values.items():
            if (section, label) not in lines:
                raise UserError(f"{where}: no line of the view has section {section!r} and label {label!r}")
            if len(numbers) != len(table["columns"]):
                raise UserError(
                    f"{where}: {section}, {label} has {len(numbers)} value(s) for {len(table['columns'])} column(s)"
                )
    columns = view.get("columns", [])
    for label in table.get("columns", []):
        # The labels of columns made for each group or length are known only with the rows.
        if not any(column["label"] == label or "each" in column for column in columns):
            raise UserError(f"{where}: no column of the view has the label {label!r}")


def _check_benchmarks(names: list[str], known: list[str], where: str) -> None:
    """Raise `UserError` for a benchmark that is not the paper's: nothing would be made of it, unnoticed."""
    for name in names:
        if name not in known:
            raise UserError(f"{where}: the paper has no benchmark {name!r} in {FILES[1]}; {suggest(name, known)}")


def _check_leading(views: dict[str, Any], folder: Path) -> None:
    """Raise `UserError` for a benchmark with more views that lead than a reader takes in at once."""
    leads = {name: as_list(view["benchmark"]) for name, view in views.items() if "lead" in view}
    leading = [(name, benchmark) for name, benchmarks in leads.items() for benchmark in benchmarks]
    for benchmark in {benchmark for _, benchmark in leading}:
        own = [name for name, other in leading if other == benchmark]
        if len(own) > MOST_LEADING:
            raise UserError(
                f"{folder / FILES[1]}: {len(own)} tables of the benchmark {benchmark!r} say `lead: true` "
                f"({', '.join(own)}); leave it at {MOST_LEADING}"
            )


def as_list(names: str | list[str]) -> list[str]:
    """Return one or several benchmarks as a list."""
    return [names] if isinstance(names, str) else names


def _check_lines(view: dict[str, Any], where: str) -> None:
    """Raise `UserError` for two lines of one name."""
    labels = list_labels(view)
    if repeated := [label for label in labels if labels.count(label) > 1]:
        raise UserError(f"{where} has two lines of section {repeated[0][0]!r} and label {repeated[0][1]!r}; rename one")


def _make_figure(view: dict[str, Any], where: str) -> FigureKind:
    """Return the figure of a view. Raises `UserError` where its kind and the view's columns do not go together."""
    figure: FigureKind = make_plugin(*FIGURES, view["figure"], f"{where}.figure")
    if figure.of_cells != ("columns" in view):
        needs = "needs columns" if figure.of_cells else "is drawn without columns"
        raise UserError(f"{where}: a figure of kind {view['figure']['kind']} {needs}")
    known = [column["label"] for column in view.get("columns", [])]
    for label in getattr(figure, "columns", ()):  # of kinds that are drawn of columns that they name
        if label not in known:
            raise UserError(f"{where}.figure: the view has no column {label!r}; {suggest(label, known)}")
    return figure


def list_lines(view: dict[str, Any]) -> list[NamedLine]:
    """Return every line that a view names, repeated in its sections."""
    lines = []
    for section in view.get("sections", [{"section": "", "select": {}}]):
        for line in view.get("lines", []):
            select = {**view.get("select", {}), **section["select"], **line["select"]}
            head = (line.get("section", section["section"]), line.get("label", select.get("method", "")))
            lines.append(NamedLine(*head, select, not line.get("ours", False), line.get("base")))
    return lines


def list_labels(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (section, label) of every line that a view names."""
    return [(line.section, line.label) for line in list_lines(view)]


def list_files(folders: Iterable[str | Path]) -> list[Path]:
    """Return the files that papers are read from."""
    return [Path(folder) / name for folder in folders for name in FILES if (Path(folder) / name).exists()]
