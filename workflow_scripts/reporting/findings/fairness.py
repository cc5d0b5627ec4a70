"""What contexts do to a sensitive feature, in words: beside its majority rate and what other features reveal of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.kinds import CONTEXT, INVARIANT
from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, MeasuredRun, filter_rows, read_values
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.options import Query
from workflow_scripts.reporting.seeds import compare, join, show, show_range

if TYPE_CHECKING:
    import pandas as pd

ODDS = {"task": "class", "metric": "equalized_odds"}
OPPORTUNITY = "equality_of_opportunity"
SAME = 0.9  # share of equal rows from which on one of two columns says nothing
SIDES = {1: "above", 0: "too close to tell from", -1: "below"}
RANKS = {1: "worse than", -1: "better than", 0: "too close to tell from"}


@dataclass(frozen=True)
class Fairness:
    """Headlines on the first run with an invariant context, sentences on all; none of data without attributes.

    floor: selects a run that always guesses the most frequent attribute. revealed: selects one that sees all features
    but the attribute. untrained: selects one that learnt nothing, named beside the others. Accuracies are in percent.
    """

    floor: Query
    revealed: Query
    untrained: Query = field(default_factory=dict)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        headlines, sentences = [], []
        for group in measured.groups:
            attribute = {"representation": "h", "task": group, "metric": "accuracy"}
            majority = read_values(rows, {**self.floor, **attribute})
            revealed = read_values(rows, {**self.revealed, **attribute})
            if majority.empty:
                continue
            known = f"Always guessing the most frequent {group} is right in {_show(majority)} % of the rows"
            if not revealed.empty:
                known += f"; the features other than {group} alone reveal it in {_show(revealed)} %"
            sentences.append(f"{known}: no context can hide what those say, unless it hides them, too.")
            for run in measured.runs:
                longest = max((n for kind, n in measured.contexts[run] if kind == INVARIANT), default=0)
                if longest:
                    places = _list_places(run, group, longest)
                    headlines += _describe_hiding(rows, run, group, places, majority, revealed)
                    headlines += self._describe_odds(rows, measured, run, places)
                    sentences.append(_describe_run(rows, run, group, longest, places))
        return [*headlines[:2], *_compare_measures(rows), *map(Statement, sentences)]

    def _describe_odds(
        self, rows: pd.DataFrame, measured: Measured, run: MeasuredRun, places: dict[str, Query]
    ) -> list[Statement]:
        """Say how a run's lowest difference in equalized odds stands to those of runs without a context."""
        own = {name: read_values(rows, {**place, **ODDS}) for name, place in places.items()}
        own = {name: values for name, values in own.items() if not values.empty}
        rivals = {}
        for other in measured.runs:
            values = read_values(rows, {**other.select, "representation": "h", **ODDS})
            if other.method not in (run.method, self.floor["method"]) and not values.empty:
                rivals[other.name] = values
        if not own or not rivals:
            return []
        best = min(own, key=lambda name: float(own[name].mean()))
        ranks = {name: compare(own[best], values) for name, values in rivals.items()}
        parts: list[str] = []
        for rank, words in RANKS.items():
            means = [float(values.mean()) for name, values in rivals.items() if ranks[name] == rank]
            if means:
                count = f"all {len(rivals)}" if len(means) == len(rivals) else f"{len(means)} of {len(rivals)}"
                of = f"{len(means)}" if parts else f"{count} runs without contexts"
                parts.append(f"{words} that of {of} ({show_range(means, 3)})")
        base = read_values(rows, {**self.untrained, "representation": "h", **ODDS}) if self.untrained else None
        beside = "" if base is None or base.empty else f"; the untrained encoder's is {_show(base, 3)}"
        value = f"{_show(own[best], 3)} {best} (0 is fair)"
        text = f"The best equalized odds difference of {run.name}, {value}, is {join(parts)}"
        bars = [make_bar(f"{run.name}, {name}", values, "subject") for name, values in own.items()]
        untrained = self.untrained.get("method")
        bars += [make_bar(n, values, "control" if n == untrained else "rival") for n, values in rivals.items()]
        return [Statement(f"{text}{beside}.", True, "equalized odds difference, 0 is fair", tuple(bars))]


def _list_places(run: MeasuredRun, group: str, length: int) -> dict[str, Query]:
    """Return the queries of z+ without a context, and under each longest one, by what they are called."""
    ends = {
        "without context": (group, 0),
        "under its equivariant context": (group, length),
        "under its invariant context": (INVARIANT, length),
    }
    own = {**run.select, "representation": "z+"}
    return {name: {**own, "condition": CONTEXT + kind, "level": level} for name, (kind, level) in ends.items()}


def _describe_hiding(
    rows: pd.DataFrame,
    run: MeasuredRun,
    group: str,
    places: dict[str, Query],
    majority: pd.Series,
    revealed: pd.Series,
) -> list[Statement]:
    """Say how well the invariant context hides the group."""
    read = [read_values(rows, {**place, "task": group, "metric": "accuracy"}) for place in places.values()]
    if any(values.empty for values in read):
        return []
    none, equivariant, hidden = read
    change = compare(hidden, none)
    text = (
        f"The invariant context of {run.name} leaves the accuracy of reading {group} at {_show(hidden)} %"
        if change == 0
        else f"The invariant context of {run.name} {'raises' if change > 0 else 'lowers'} the accuracy of reading "
        f"{group} from {_show(none)} to {_show(hidden)} %"
    )
    known = [(majority, f"the {_show(majority)} % of always guessing the most frequent")]
    bars: list[Bar] = [
        make_bar("no context", none, "rival"),
        make_bar("equivariant context", equivariant, "rival"),
        make_bar("invariant context", hidden, "subject"),
    ]
    if not revealed.empty:
        known.insert(0, (revealed, f"the {_show(revealed)} % that the other features reveal"))
        bars.append(make_bar("other features", revealed, "control"))
    bars.append(make_bar("always guessing", majority, "floor"))
    sides = [f"{SIDES[compare(hidden, values)]} {words}" for values, words in known]
    return [Statement(f"{text}, {join(sides)}.", True, f"accuracy of reading {group} [%]", tuple(bars), 1)]


def _compare_measures(rows: pd.DataFrame) -> list[Statement]:
    """Say in how many rows the two measures of fairness are the same number, where they are in most."""
    keys = ["method", "group", "variant", "seed", "representation", "condition", "level"]
    index = [rows[key].astype(str) for key in keys]
    odds, opportunity = (
        filter_rows(rows.set_index(index), {"task": "class", "metric": metric})["value"]
        for metric in (ODDS["metric"], OPPORTUNITY)
    )
    gaps = (odds - opportunity).dropna().abs()
    equal = int((gaps == 0).sum())
    if gaps.empty or equal < SAME * len(gaps):
        return []
    count = f"all {len(gaps)} rows"
    if equal < len(gaps):
        count = f"{equal} of {len(gaps)} rows (the rest differ by at most {format_number(float(gaps.max()), 3)})"
    text = (
        "Equality of opportunity (the gap in true positive rates) and equalized odds (the larger of the gaps in true "
        f"and in false positive rates) are the same number in {count}, so that one of the two says nothing."
    )
    return [Statement(text, headline=True)]


def _describe_run(rows: pd.DataFrame, run: MeasuredRun, group: str, length: int, places: dict[str, Query]) -> str:
    """Say how accuracy of the group, and equalized odds, change from no context to each longest one."""
    accuracy = [_read(rows, {**place, "task": group, "metric": "accuracy"}, 1) for place in places.values()]
    odds = [_read(rows, {**place, **ODDS}, 3) for place in places.values()]
    return (
        f"{run.name}: {group} is read in {accuracy[0]} % of the rows without context, in {accuracy[1]} % under an "
        f"equivariant context of {length} tokens, in {accuracy[2]} % under an invariant one; the difference in "
        f"equalized odds is {odds[0]}, {odds[1]} and {odds[2]}."
    )


def _read(rows: pd.DataFrame, select: Query, digits: int) -> str:
    values = read_values(rows, select)
    return "unknown" if values.empty else show(values, digits)


def _show(values: pd.Series, digits: int = 1) -> str:
    return show(values, digits)


FINDING = Fairness
