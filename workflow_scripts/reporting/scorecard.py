"""The scorecard: each claim of a paper as comparisons of measured numbers, and a verdict on it.

A claim (papers/<paper>/claims.yaml) is a list of comparisons, `of` less `than` against a margin. It is reproduced where
all hold, not reproduced where one fails, undecided where one holds on average but not beyond the spread over seeds, and
not run where numbers are missing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.formats import TextTable
from workflow_scripts.reporting.measured import Measured, Select, read_values
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.papers import Paper
from workflow_scripts.reporting.places import SCORECARD, Place, get_benchmark, list_claims, list_judged

REPRODUCED, FAILED, UNDECIDED, NOT_RUN = "reproduced", "not reproduced", "undecided", "not run"
BOUNDS = {"at_least": "at least {}", "at_most": "at most {}"}
LEVEL = 0.05  # of the one-sided t test over seeds


@dataclass(frozen=True)
class Comparison:
    """`of` less `than` (None = 0) must keep a bound: be at least, or at most, `margin`."""

    label: str
    of: Select
    than: Select | None
    margin: float
    bound: str  # of `BOUNDS`


@dataclass(frozen=True)
class Evidence:
    """What a comparison found: the mean over `seeds` seeds, its standard deviation, and the verdict on it alone."""

    comparison: Comparison
    mean: float | None
    std: float | None
    seeds: int
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """A claim and what was found of it."""

    claim: str
    text: str
    verdict: str
    evidence: list[Evidence]


def judge(claim: dict[str, Any], rows: pd.DataFrame, measured: Measured, controls: Collection[str]) -> Verdict:
    """Return the verdict on a claim. rows: of the test split of a data set that it is about. controls: no rivals."""
    evidence = [
        weigh(comparison, rows)
        for spec in claim["comparisons"]
        for comparison in list_comparisons(spec, measured, controls)
    ]
    found = {entry.verdict for entry in evidence} or {NOT_RUN}
    # What failed has failed, whatever is still missing.
    verdict = next(v for v in (FAILED, NOT_RUN, UNDECIDED, REPRODUCED) if v in found)
    return Verdict(claim["id"], claim["text"], verdict, evidence)


def list_comparisons(spec: dict[str, Any], measured: Measured, controls: Collection[str]) -> list[Comparison]:
    """Return the comparisons of a spec: one, or with `rivals` one for every other method and each of its contexts."""
    bound = next(name for name in BOUNDS if name in spec)
    margin = float(spec[bound])
    if "rivals" not in spec:
        return [Comparison(spec["label"], spec["of"], spec.get("than"), margin, bound)]
    comparisons = []
    for run in measured.runs:
        if run.method in controls or run.method == spec["of"]["method"] or run.variant:
            continue
        rivals: list[tuple[str, Select]] = [
            (f"{run.name}, {kind} context of {length}", {"condition": CONTEXT + kind, "level": length})
            for kind, length in measured.contexts[run]
        ]
        for name, context in rivals or [(run.name, {})]:
            than = {**spec["rivals"], **run.select, **context}
            comparisons.append(Comparison(f"{spec['label']} {name}", spec["of"], than, margin, bound))
    # Without a rival there is nothing to be best of.
    return comparisons or [Comparison(f"{spec['label']} any other method", spec["of"], {"method": ""}, margin, bound)]


def weigh(comparison: Comparison, rows: pd.DataFrame) -> Evidence:
    """Compute a comparison by seed. With several seeds the margin must be passed beyond a one-sided t bound."""
    values = read_term(rows, comparison.of)
    if comparison.than is not None:
        values = (values - read_term(rows, comparison.than)).dropna()
    if values.empty:
        return Evidence(comparison, None, None, 0, NOT_RUN)
    mean, seeds = float(values.mean()), len(values)
    std = float(values.std(ddof=1)) if seeds > 1 else None
    ahead = mean - comparison.margin if comparison.bound == "at_least" else comparison.margin - mean
    decided = std is None or ahead >= t_bound(std, seeds)
    return Evidence(comparison, mean, std, seeds, FAILED if ahead < 0 else REPRODUCED if decided else UNDECIDED)


def read_term(rows: pd.DataFrame, term: Select) -> pd.Series:
    """Return the values of one side of a comparison, a query with or without a `minus`, by seed."""
    return read_values(rows, {key: value for key, value in term.items() if key != "minus"}, term.get("minus"))


def t_bound(std: float, seeds: int) -> float:
    """Return how far a mean over seeds must be ahead for a one-sided t test at `LEVEL`."""
    return float(stdtrit(seeds - 1, 1 - LEVEL) * std / seeds**0.5)


def make_scorecard(paper: Paper, scope: str, verdicts: list[Verdict], caveat: str) -> TextTable:
    """Set the verdicts on a paper's claims as a table, the evidence of each behind it. scope: the data set."""
    heads = [{"paper": paper.title, "claim": v.claim, "verdict": v.verdict} for v in verdicts]
    records = [
        {**head, "comparison": e.comparison.label, "comparison_verdict": e.verdict}
        | {"mean": e.mean, "std": e.std, "seeds": e.seeds, "margin": e.comparison.margin}
        for head, verdict in zip(heads, verdicts, strict=True)
        for e in verdict.evidence
    ] or heads
    seeds = max((e.seeds for v in verdicts for e in v.evidence), default=0)
    scale = f"{seeds} seeds" if seeds > 1 else "one seed, so that no spread is known"
    caption = f"Claims of {paper.title}, judged on {scope} with {scale}."
    if seeds > 1:
        caption += f" {UNDECIDED.capitalize()}: holds on average, but not beyond the spread (t test, {LEVEL:.0%})."
    caption += f" Data: {caveat.rstrip('.')}." if caveat else ""
    lines = [[v.claim, v.text, v.verdict] for v in verdicts]
    details = [[describe_evidence(e) for e in v.evidence] for v in verdicts]
    headers = ["Claim", "The paper says", "Verdict"]
    place = Place(paper.name, scope, SCORECARD)
    return TextTable(place, "Scorecard", caption, caveat, headers, lines, records, details=details)


def describe_evidence(evidence: Evidence) -> str:
    """Say in one line what a comparison found."""
    comparison = evidence.comparison
    wanted = BOUNDS[comparison.bound].format(format_number(comparison.margin, 3))
    if evidence.mean is None:
        return f"{comparison.label}: not run (wanted {wanted})"
    spread = "" if evidence.std is None else f" ± {format_number(evidence.std, 3)}"
    return f"{comparison.label}: {format_number(evidence.mean, 3)}{spread}, wanted {wanted}: {evidence.verdict}"


def make_scorecards(material: Material, paper: Paper) -> list[TextTable]:
    """Judge a paper's claims on every data set of its benchmarks: one scorecard a data set."""
    scorecards = []
    for dataset in list_judged(paper, material.datasets):
        rows, measured = material.rows[material.rows["dataset"] == dataset], material.measured[dataset]
        claims = list_claims(paper, get_benchmark(paper, material.datasets[dataset]))
        verdicts = [judge(claim, rows, measured, paper.controls) for claim in claims]
        scorecards.append(make_scorecard(paper, dataset, verdicts, material.caveats[dataset]))
    return scorecards
