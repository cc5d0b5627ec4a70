"""What a paper has for the data sets of an experiment: which of its tables, of its figures, and of its claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflow_scripts.experiment.rooms import suggest
from workflow_scripts.reporting.papers import Paper, as_list, list_lines
from workflow_scripts.support.errors import UserError

CONTROLS = "controls"  # what a view is expanded by, if by controls alone
ACROSS = "datasets"  # scope of a view of all data sets of a benchmark; of the others it is the data set's name
SCORECARD = "scorecard"  # name of the table of verdicts on a paper's claims

Datasets = dict[str, Any]  # by name: `source`, `benchmarks` by paper, `groups`, `views`, `methods`, `settings`


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


def get_benchmark(paper: Paper, entry: dict[str, Any]) -> str:
    """Return which of a paper's benchmarks a data set stands for, "" for none. entry: of `Datasets`.

    Raises `UserError` for one that the paper does not have.
    """
    name = str(entry["benchmarks"].get(paper.name, ""))
    if name and name not in paper.benchmarks:
        raise UserError(
            f"a data set of the config stands for the benchmark {name!r} of paper {paper.name}, which has none of this "
            f"name; {suggest(name, paper.benchmarks)}"
        )
    return name


def list_own(paper: Paper, benchmarks: str | list[str], datasets: Datasets) -> list[str]:
    """Return the data sets that stand for one of a paper's benchmarks, or for one of several."""
    return [name for name, entry in datasets.items() if get_benchmark(paper, entry) in as_list(benchmarks)]


def list_places(paper: Paper, datasets: Datasets) -> list[Place]:
    """Return every view that a paper has for the selected data sets.

    A view across data sets needs two of them, a view of variants a variant: any, or with named lines one of theirs,
    unless it says that it is `always` made.
    """
    places = []
    for name, view in paper.views.items():
        own = list_own(paper, view["benchmark"], datasets)
        expand = view.get("expand")
        if "columns" not in view:
            own = [dataset for dataset in own if paper.figures[name].suits(datasets[dataset])]
        # A view that is expanded by more than controls has something to show without any of its named lines.
        lines = list_lines(view) if expand in (None, CONTROLS) and not view.get("always") else []
        named = {str(line.select["variant"]) for line in lines if line.select.get("variant")}
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
    return bool(benchmark) and benchmark in as_list(claim.get("benchmark", benchmark))


def list_selects(paper: Paper, datasets: Datasets) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (data set, select) of every line that a shown table names, and of every term of a judged claim."""
    for place in list_places(paper, datasets):
        if place.scope in datasets:
            yield from ((place.scope, line.select) for line in list_lines(paper.views[place.table]))
    for dataset in list_judged(paper, datasets):
        for claim in list_claims(paper, get_benchmark(paper, datasets[dataset])):
            specs = claim["comparisons"]
            yield from ((dataset, spec[term]) for spec in specs for term in ("of", "than") if term in spec)
