"""The scorecard: each claim of a paper as comparisons of measured numbers, a verdict on it, and why.

A claim (papers/<paper>/claims.yaml) is a list of comparisons; what is found of one, see reporting/comparisons.py. The
verdict on a claim is the first of these that one of its comparisons has: not reproduced, for what failed has failed,
whatever else is missing; not run; at ceiling, for more seeds could not help it; undecided; reproduced, where all hold.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.comparisons import Evidence, list_comparisons, weigh
from workflow_scripts.reporting.explanations import describe_evidence, describe_margin, explain
from workflow_scripts.reporting.formats import TextTable
from workflow_scripts.reporting.measured import Measured
from workflow_scripts.reporting.papers import Paper
from workflow_scripts.reporting.places import SCORECARD, Place, get_benchmark, list_claims, list_judged
from workflow_scripts.reporting.seeds import LEVEL
from workflow_scripts.reporting.verdicts import (
    AT_CEILING,
    FAILED,
    NOT_RUN,
    PROVISIONAL,
    REPRODUCED,
    UNDECIDED,
    count_verdicts,
)

PRECEDENCE = (FAILED, NOT_RUN, AT_CEILING, UNDECIDED, REPRODUCED)


@dataclass(frozen=True)
class Verdict:
    """A claim and what was found of it.

    text: the claim's, with what it calls a difference. verdict: of `VERDICTS`. provisional: whether it rests on one
    seed. why: one sentence with numbers.
    """

    claim: str
    text: str
    verdict: str
    provisional: bool
    why: str
    evidence: list[Evidence]

    @property
    def shown(self) -> str:
        """The verdict, with its suffix where it is provisional."""
        return self.verdict + (PROVISIONAL if self.provisional else "")


def judge(claim: dict[str, Any], rows: pd.DataFrame, measured: Measured, controls: Collection[str]) -> Verdict:
    """Return the verdict on a claim. rows: of the test split of a data set that it is about. controls: no rivals."""
    comparisons = [
        comparison
        for spec in claim["comparisons"]
        for comparison in list_comparisons(spec, measured, controls, claim.get("ceiling"))
    ]
    evidence = [weigh(comparison, rows) for comparison in comparisons]
    found = {entry.verdict for entry in evidence} or {NOT_RUN}
    verdict = next(v for v in PRECEDENCE if v in found)
    text = claim["text"] + describe_margin(comparisons)
    return Verdict(claim["id"], text, verdict, is_provisional(verdict, evidence), explain(verdict, evidence), evidence)


def is_provisional(verdict: str, evidence: list[Evidence]) -> bool:
    """Tell whether a verdict rests on one seed.

    That all comparisons hold rests on each of them. Any other verdict rests on the comparisons that have it: one that
    was seen with several seeds is enough.
    """
    if verdict == NOT_RUN:
        return False
    alone = [entry.seeds == 1 for entry in evidence if entry.verdict == verdict]
    return any(alone) if verdict == REPRODUCED else all(alone)


def make_scorecard(paper: Paper, scope: str, verdicts: list[Verdict], caveat: str) -> TextTable:
    """Set the verdicts on a paper's claims as a table, the evidence of each behind it. scope: the data set."""
    heads: list[dict[str, Any]] = [{"paper": paper.title, "claim": v.claim, "verdict": v.shown} for v in verdicts]
    records: list[dict[str, Any]] = [
        {**head, "comparison": e.comparison.label, "comparison_verdict": e.verdict}
        | {"mean": e.mean, "std": e.std, "seeds": e.seeds, "bound": e.comparison.bound, "margin": e.comparison.margin}
        for head, verdict in zip(heads, verdicts, strict=True)
        for e in verdict.evidence
    ] or heads
    seeds = max((e.seeds for v in verdicts for e in v.evidence), default=0)
    scale = f"{seeds} seeds" if seeds > 1 else "one seed, so that no spread is known"
    caption = f"Claims of {paper.title}, judged on {scope} with {scale}: {count_verdicts(v.shown for v in verdicts)}."
    if seeds > 1:
        caption += f" {REPRODUCED.capitalize()} or not: beyond the spread (t test, {LEVEL:.0%} on either side)."
    return TextTable(
        Place(paper.name, scope, SCORECARD),
        title="Scorecard",
        caption=caption,
        caveat=caveat,
        headers=["Claim", "The paper says", "Verdict", "Why"],
        lines=[[v.claim, v.text, v.shown, v.why] for v in verdicts],
        records=records,
        details=[[describe_evidence(e) for e in v.evidence] for v in verdicts],
        seeds=seeds,
    )


def make_scorecards(material: Material, paper: Paper) -> list[TextTable]:
    """Judge a paper's claims on every data set of its benchmarks: one scorecard a data set."""
    scorecards = []
    for dataset in list_judged(paper, material.datasets):
        rows, measured = material.rows[material.rows["dataset"] == dataset], material.measured[dataset]
        claims = list_claims(paper, get_benchmark(paper, material.datasets[dataset]))
        verdicts = [judge(claim, rows, measured, paper.controls) for claim in claims]
        scorecards.append(make_scorecard(paper, dataset, verdicts, material.caveats[dataset]))
    return scorecards
