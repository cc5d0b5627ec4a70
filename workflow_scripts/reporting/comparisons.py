"""A claim's comparisons of measured numbers, and what is found of each.

A comparison is `of` less `than`, by seed, against a bound:

- `at_least`, or `at_most`, a margin: reproduced where the mean over seeds keeps it, not reproduced where it misses it;
- `equivalence`, the smallest difference worth the name: reproduced where `of` exceeds `than` by at least as much, not
  reproduced where `than` exceeds `of` by as much. In between they are tied, which is undecided.

Either is found only beyond the spread over seeds: by a one-sided t test at `LEVEL` on its side. Else it is undecided.
With one seed, or none that differs, the sign of the mean decides.

At ceiling is a comparison that nothing could have reproduced here. `of` was to exceed `than` by some difference, but on
the mean over seeds `than` leaves less room than that up to the end of the metric's scale, or up to what a control
scores in the same measure. (Where lower is better it is `of` that leaves no room for `than` to be lower.) A control
that is itself exceeded by so much is no ceiling: then the scale's end is. And `of` must stand there, too: where it is
behind `than` by the difference, on the mean, the comparison is judged as any other. Only a claim that names a `ceiling`
has one: a number that was to fall does not stay where it is for want of room above.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.experiment.runs import make_name
from workflow_scripts.reporting.measured import Measured, Select, filter_rows, read_values
from workflow_scripts.reporting.scales import MetricScale, get_scale
from workflow_scripts.reporting.seeds import t_bound
from workflow_scripts.reporting.verdicts import AT_CEILING, FAILED, NOT_RUN, REPRODUCED, UNDECIDED

BOUNDS = ("at_least", "at_most", "equivalence")
END = "scale"  # the ceiling that is the end of the metric's scale


@dataclass(frozen=True)
class Comparison:
    """`of` less `than` (None = 0) must keep a bound.

    bound: of `BOUNDS`. margin: what it is. ceiling: None for none, `END`, or the query of a control's rows.
    """

    label: str
    of: Select
    than: Select | None
    margin: float
    bound: str
    ceiling: Select | str | None = None

    @property
    def scale(self) -> MetricScale | None:
        """The scale of its metric."""
        return get_scale(self.of["metric"])


@dataclass(frozen=True)
class Ceiling:
    """What left no room: the end of a scale, or a control of this name. level: its score. room: how far it was away."""

    level: float
    room: float
    control: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a comparison found, over `seeds` seeds, and the verdict on it alone.

    mean and std: of the difference; std is None for one seed. of and than: means of its two sides over the same seeds.
    ceiling: where the verdict is "at ceiling", what it stands at. missing: where it is "not run", what is, a clause.
    """

    comparison: Comparison
    mean: float | None
    std: float | None
    seeds: int
    verdict: str
    of: float | None = None
    than: float | None = None
    ceiling: Ceiling | None = None
    missing: str = ""


def list_comparisons(
    spec: dict[str, Any], measured: Measured, controls: Collection[str], ceiling: Select | str | None = None
) -> list[Comparison]:
    """Return the comparisons of a spec: one, or with `rivals` one for every other method and each of its contexts.

    A method that is to be `among` the rivals and is not there gives a comparison without numbers: the best of few
    methods is not yet the best of all.
    """
    bound = next(name for name in BOUNDS if name in spec)
    kept = (float(spec[bound]), bound, ceiling)
    if "rivals" not in spec:
        return [Comparison(spec["label"], spec["of"], spec.get("than"), *kept)]
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
            comparisons.append(Comparison(f"{spec['label']} {name}", spec["of"], than, *kept))
    there = {run.method for run in measured.runs}
    for method in (name for name in spec.get("among", []) if name not in there):
        than = {**spec["rivals"], "method": method}
        comparisons.append(Comparison(f"{spec['label']} {method}", spec["of"], than, *kept))
    # Without a rival there is nothing to be best of.
    return comparisons or [Comparison(f"{spec['label']} any other method", spec["of"], {"method": ""}, *kept)]


def weigh(comparison: Comparison, rows: pd.DataFrame) -> Evidence:
    """Compute a comparison by seed and judge it; the rules stand at the top of this module."""
    of = read_term(rows, comparison.of)
    than = of * 0.0 if comparison.than is None else read_term(rows, comparison.than)
    both = pd.DataFrame({"of": of, "than": than}).dropna()
    if both.empty:
        return Evidence(comparison, None, None, 0, NOT_RUN, missing=_explain_missing(comparison, rows, of, than))
    values, seeds = both["of"] - both["than"], len(both)
    mean, std = float(values.mean()), float(values.std(ddof=1)) if seeds > 1 else None
    spread = t_bound(std, seeds) if std is not None else 0.0
    sides = (float(both["of"].mean()), None if comparison.than is None else float(both["than"].mean()))
    if (ceiling := _find_ceiling(comparison, rows, both, mean, spread)) is not None:
        return Evidence(comparison, mean, std, seeds, AT_CEILING, *sides, ceiling)
    return Evidence(comparison, mean, std, seeds, _decide(comparison, mean, spread), *sides)


def read_term(rows: pd.DataFrame, term: Select) -> pd.Series:
    """Return the values of one side of a comparison, a query with or without a `minus`, by seed."""
    return read_values(rows, {key: value for key, value in term.items() if key != "minus"}, term.get("minus"))


def get_lead(comparison: Comparison, mean: float) -> float:
    """Return how far a mean is on the reproduced side of its bound, negative where it is not."""
    return comparison.margin - mean if comparison.bound == "at_most" else mean - comparison.margin


def _decide(comparison: Comparison, mean: float, spread: float) -> str:
    """Return the verdict on a mean difference. spread: how far it must be from a bound to be told from it."""
    lead = get_lead(comparison, mean)
    behind = -mean - comparison.margin if comparison.bound == "equivalence" else -lead
    if lead >= spread:
        return REPRODUCED
    failed = behind >= spread and (behind > 0 or comparison.bound == "equivalence")
    return FAILED if failed else UNDECIDED


def _find_ceiling(
    comparison: Comparison, rows: pd.DataFrame, both: pd.DataFrame, mean: float, spread: float
) -> Ceiling | None:
    """Return what a comparison stands at that is at ceiling; None for one that is not.

    both: the values of the two sides, by seed.
    """
    wanted, scale = comparison.margin, comparison.scale
    if comparison.ceiling is None or comparison.than is None or scale is None or comparison.bound == "at_most":
        return None
    # What leads by the difference, or is behind by as much, is judged by that. Two that are the same do neither.
    if wanted < 0 or (mean != 0.0 and (mean - wanted >= spread or mean <= -wanted)):
        return None
    sign, base = (1.0, both["than"]) if scale.rises else (-1.0, both["of"])
    if isinstance(comparison.ceiling, dict):
        shared = {key: comparison.of[key] for key in ("task", "metric")}
        scores = read_term(rows, {**shared, **comparison.ceiling})
        rooms = (sign * (scores - base)).dropna()
        if len(rooms) and abs(room := float(rooms.mean())) < wanted:
            return Ceiling(float(scores[rooms.index].mean()), room, describe_run(comparison.ceiling))
    room = float((sign * (scale.best - base)).mean())
    return Ceiling(scale.best, room) if room < wanted or room == 0.0 else None


def _explain_missing(comparison: Comparison, rows: pd.DataFrame, of: pd.Series, than: pd.Series) -> str:
    """Say which side of a comparison has no numbers."""
    sides = [(comparison.of, of), *([(comparison.than, than)] if comparison.than is not None else [])]
    for term, values in sides:
        if values.empty and term["method"]:
            run = {key: str(term.get(key, "")) for key in ("method", "variant")}
            run |= {"group": str(term["group"])} if "group" in term else {}
            name = describe_run(term)
            what = term["metric"] if term["metric"] in term["task"] else f"{term['task']} {term['metric']}"
            return f"{name} has no {what}" if len(filter_rows(rows, run)) else f"{name} was not run"
    return "there is no other method" if not sides[-1][0]["method"] else "no seed has both sides"


def describe_run(term: Select) -> str:
    """Return the name of the run that a query is of."""
    return make_name(term.get("method", ""), term.get("group", ""), term.get("variant", ""))
