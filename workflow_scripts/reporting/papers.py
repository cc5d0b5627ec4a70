"""A paper as data: what it published, how its tables are made of our rows, and what it claims.

A paper is a folder papers/<paper>/ with up to three files of that kind: published.yaml, views.yaml and claims.yaml. Its
experiments stand beside them. A folder without these files is a place for experiments only: it has no tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.checking import check_schema
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import SCHEMAS
from workflow_scripts.reporting.figures.base import FigureKind
from workflow_scripts.reporting.findings.base import Finding
from workflow_scripts.reporting.options import make_plugin
from workflow_scripts.support.errors import UserError

FILES = ("published.yaml", "views.yaml", "claims.yaml")
ACROSS = "datasets"  # scope of a view of all data sets of a benchmark; of the others it is the data set's name
SCORECARD = "scorecard"  # name of the table of verdicts on a paper's claims
FIGURES, FINDINGS = ("reporting.figures", "FIGURE"), ("reporting.findings", "FINDING")  # where plug-ins are
OURS = "ours"  # provenance of a view that the paper does not have

Datasets = dict[str, Any]  # by name: `source`, `benchmarks` by paper, `groups`, `views`, `methods`, `settings`


@dataclass(frozen=True)
class Paper:
    """A paper's folder, read and checked.

    controls: methods that bound the others, each with a phrase that says how. published, views, figures and findings:
    by table.
    """

    name: str
    title: str
    citation: str
    controls: dict[str, str]
    published: dict[str, Any]
    views: dict[str, Any]
    figures: dict[str, FigureKind]
    findings: dict[str, list[Finding]]
    claims: list[dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a view is made: of a paper, for a scope (a data set or `ACROSS`), under the table's name."""

    paper: str
    scope: str
    table: str

    @property
    def stem(self) -> str:
        """The path of its files without their ending, in a folder of tables or figures."""
        return f"{self.paper}/{self.scope}.{self.table}"


@cache
def read_paper(folder: str | Path) -> Paper:
    """Read and check a paper's folder.

    Raises `UserError` for a folder that is not there, a key that no schema knows, a published table without a view,
    and a published value that no line or column shows.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; `papers` of the config names folders of papers/")
    published = _read_file(folder / FILES[0], {"title": folder.name, "citation": ""})
    views = _read_file(folder / FILES[1], {"tables": {}})
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
    ids = [claim["id"] for claim in claims]
    if repeated := {name for name in ids if ids.count(name) > 1}:
        raise UserError(f"{folder / FILES[2]} has two claims {min(repeated)}; rename one")
    title, citation = published["title"], published["citation"]
    controls = views.get("controls", {})
    return Paper(folder.name, title, citation, controls, tables, views["tables"], figures, findings, claims)


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
    return figure


def list_lines(view: dict[str, Any]) -> list[tuple[str, str, dict[str, Any], bool]]:
    """Return (section, label, select, of the paper) of every line that a view names, repeated in its sections."""
    lines = []
    for section in view.get("sections", [{"section": "", "select": {}}]):
        for line in view.get("lines", []):
            select = {**section["select"], **line["select"]}
            label = line.get("label", select.get("method", ""))
            lines.append((line.get("section", section["section"]), label, select, not line.get("ours", False)))
    return lines


def list_labels(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (section, label) of every line that a view names."""
    return [(section, label) for section, label, *_ in list_lines(view)]


def list_files(folders: Iterable[str | Path]) -> list[Path]:
    """Return the files that papers are read from."""
    return [Path(folder) / name for folder in folders for name in FILES if (Path(folder) / name).exists()]


def get_benchmark(paper: Paper, entry: dict[str, Any]) -> str:
    """Return which of a paper's benchmarks a data set stands for, "" for none. entry: of `Datasets`."""
    return str(entry["benchmarks"].get(paper.name, ""))


def list_own(paper: Paper, benchmark: str, datasets: Datasets) -> list[str]:
    """Return the data sets that stand for one of a paper's benchmarks."""
    return [name for name, entry in datasets.items() if get_benchmark(paper, entry) == benchmark]


def list_places(paper: Paper, datasets: Datasets) -> list[Place]:
    """Return every view that a paper has for the selected data sets.

    A view across data sets needs two of them, a view of variants a variant: any, or with named lines one of theirs.
    """
    places = []
    for name, view in paper.views.items():
        own = list_own(paper, view["benchmark"], datasets)
        expand = view.get("expand")
        if "columns" not in view:
            own = [dataset for dataset in own if paper.figures[name].suits(datasets[dataset])]
        # Of a view that is expanded the named lines are not all it has.
        named = set() if expand else {str(select["variant"]) for *_, select, _ in list_lines(view) if select.get("variant")}
        if expand == "variants" or named:
            own = [dataset for dataset in own if _has_variants(datasets[dataset], named)]
        if expand == ACROSS:
            own = [ACROSS] if len(own) > 1 else []
        places += [Place(paper.name, scope, name) for scope in own]
    return places


def _has_variants(entry: dict[str, Any], named: set[str]) -> bool:
    """Tell whether a data set has runs of one of the named variants, or of any where none is named."""
    variants = {name.partition("~")[2] for name in entry["methods"] if "~" in name}
    return bool(variants & named if named else variants)


def list_judged(paper: Paper, datasets: Datasets) -> list[str]:
    """Return the selected data sets on whose benchmark a paper makes claims."""
    return [name for name, entry in datasets.items() if list_claims(paper, get_benchmark(paper, entry))]


def list_claims(paper: Paper, benchmark: str) -> list[dict[str, Any]]:
    """Return the claims that are about a benchmark, each with those of its comparisons that are."""
    return [
        {**claim, "comparisons": [spec for spec in claim["comparisons"] if is_about(spec, benchmark)]}
        for claim in paper.claims
        if is_about(claim, benchmark)
    ]


def is_about(claim: dict[str, Any], benchmark: str) -> bool:
    """Tell whether a claim, or one of its comparisons, is about a benchmark: its only one, or one of several."""
    own = claim.get("benchmark", benchmark)
    return bool(benchmark) and (benchmark in own if isinstance(own, list) else benchmark == own)


def list_selects(paper: Paper, datasets: Datasets) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (data set, select) of every line that a shown table names, and of every term of a judged claim."""
    for place in list_places(paper, datasets):
        if place.scope in datasets:
            yield from ((place.scope, select) for *_, select, _ in list_lines(paper.views[place.table]))
    for dataset in list_judged(paper, datasets):
        for claim in list_claims(paper, get_benchmark(paper, datasets[dataset])):
            specs = claim["comparisons"]
            yield from ((dataset, spec[term]) for spec in specs for term in ("of", "than") if term in spec)
