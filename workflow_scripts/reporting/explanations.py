"""Why a claim has its verdict: one sentence with numbers, of the comparison that decided."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from workflow_scripts.reporting.comparisons import Ceiling, Comparison, Evidence, get_lead
from workflow_scripts.reporting.numbers import count_digits, format_mean, format_number
from workflow_scripts.reporting.verdicts import AT_CEILING, FAILED, NOT_RUN, PROVISIONAL, REPRODUCED, UNDECIDED

# Before the one that decided, of several: how many there are like it.
HEADS = {
    REPRODUCED: "{count} hold; the closest: ",
    FAILED: "{count} {fail}; the worst: ",
    UNDECIDED: "{count} {be} undecided; the most doubtful: ",
    AT_CEILING: "{count} {be} at ceiling; the furthest behind: ",
}
NO_SPREAD = 1e-9  # what rounding leaves of a number that is exact
WANTED = {"at_least": "at least {}", "at_most": "at most {}", "equivalence": "at least {}"}


def explain(verdict: str, evidence: Sequence[Evidence]) -> str:
    """Return the sentence on a claim's verdict. evidence: of all its comparisons."""
    deciding = [entry for entry in evidence if entry.verdict == verdict]
    if verdict == NOT_RUN:
        return _explain_missing(deciding, len(evidence))
    # One that was seen with several seeds decides before one that was not.
    entry = min(deciding, key=lambda entry: (entry.seeds == 1, _measure_lead(entry)))
    return f"{_count(verdict, len(deciding), len(evidence))}{_state(entry)}{_conclude(entry)}."


def describe_evidence(evidence: Evidence) -> str:
    """Say in one line what a comparison found."""
    comparison = evidence.comparison
    wanted = describe_wanted(comparison)
    if evidence.mean is None:
        return f"{comparison.label}: not run (wanted {wanted})"
    found = format_mean(evidence.mean, evidence.std, choose_digits(comparison, evidence.mean, evidence.std))
    suffix = PROVISIONAL if evidence.std is None else ""
    return f"{comparison.label}: {found}, wanted {wanted}: {evidence.verdict}{suffix}"


def describe_wanted(comparison: Comparison) -> str:
    """Return what a comparison wants: "at least .3"."""
    return WANTED[comparison.bound].format(format_plain(comparison.margin))


def format_plain(value: float) -> str:
    """Write a number that somebody chose: without a zero before the point, or zeros at the end."""
    text = format_number(value, 6)
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def choose_digits(comparison: Comparison, value: float, std: float | None = None) -> int:
    """Return the decimals at most that show a value: those of its metric's scale, and one significant digit at least.

    std: of the value, of which a digit is to be seen, too.
    """
    usual = comparison.scale.digits if comparison.scale is not None else 3
    wanted = [-floor(log10(abs(value)))] if abs(value) > NO_SPREAD else []
    wanted += [-floor(log10(std))] if std is not None and std > NO_SPREAD else []
    return max(usual, *wanted) if wanted else usual


def _measure_lead(entry: Evidence) -> float:
    """Return how far a comparison is from failing, or how far it has failed, relative to its numbers."""
    assert entry.mean is not None
    size = abs(entry.of or 0.0) + abs(entry.than or 0.0) + abs(entry.comparison.margin)
    return get_lead(entry.comparison, entry.mean) / (size or 1.0)


def _count(verdict: str, count: int, total: int) -> str:
    """Say how many comparisons have the verdict; nothing where there is one alone."""
    if total == 1:
        return ""
    one = count == 1
    head = HEADS[verdict].partition(";")[0] + ": " if one else HEADS[verdict]
    return head.format(count=_say_share(count, total), fail="fails" if one else "fail", be="is" if one else "are")


def _say_share(count: int, total: int) -> str:
    """Say how many of a claim's comparisons are meant: "3 of 4 comparisons", "Both comparisons"."""
    share = ("Both" if total == 2 else f"All {total}") if count == total else f"{count} of {total}"
    return f"{share} comparisons"


def _state(entry: Evidence) -> str:
    """Say what was found: the difference, its spread, and the two numbers that it is of."""
    comparison, mean = entry.comparison, entry.mean
    assert mean is not None
    digits = choose_digits(comparison, mean, entry.std)
    comma = "," if "," in comparison.label else ""
    text = f"{comparison.label}{comma} is {format_mean(mean, entry.std, digits)}"
    if entry.of is None or entry.than is None:
        return text
    shown = count_digits(entry.std, digits)
    return f"{text} ({format_number(entry.of, shown)} against {format_number(entry.than, shown)})"


def _conclude(entry: Evidence) -> str:
    """Say what was wanted, and why the verdict follows."""
    comparison = entry.comparison
    wanted = f"and must be {describe_wanted(comparison)}"
    if entry.ceiling is not None:
        return f", {wanted}, but {_describe_room(comparison, entry.ceiling)}"
    basis = "with one seed" if entry.std is None else f"beyond the spread over {entry.seeds} seeds"
    if entry.std is not None and entry.std < NO_SPREAD:
        basis = f"with all {entry.seeds} seeds alike"
    if comparison.bound == "equivalence":
        step = f"the {_describe_step(comparison, comparison.margin)} that the claim calls a difference"
        mean = entry.mean or 0.0
        if entry.verdict == UNDECIDED and abs(mean) < comparison.margin:
            return f", which is less than {step}"
        if entry.verdict == UNDECIDED:
            way = "behind" if mean < 0 else "ahead"
            return f", {way} by about {step}: too close to tell with {entry.seeds} seeds"
        if entry.verdict == FAILED:
            return f", behind by at least {step}, {basis}"
    if entry.verdict == UNDECIDED:
        return f", {wanted}: too close to tell with {entry.seeds} seeds"
    return f", {wanted}: {'it is' if entry.verdict == REPRODUCED else 'it is not'}, {basis}"


def _describe_room(comparison: Comparison, ceiling: Ceiling) -> str:
    """Say how little is left up to a ceiling; where lower is better, down to it."""
    digits = choose_digits(comparison, ceiling.room)
    left = f"only {format_number(ceiling.room, digits)}" if ceiling.room > 0 else "no room"
    way = "up" if comparison.scale is not None and comparison.scale.rises else "down"
    if ceiling.control:
        return f"{left} is left {way} to the {format_number(ceiling.level, digits)} that {ceiling.control} scores"
    return f"{left} is left {way} to {format_plain(ceiling.level)}, the end of the scale"


def _describe_step(comparison: Comparison, step: float) -> str:
    """Return a difference with its unit."""
    text = format_plain(step)
    return comparison.scale.describe_step(text) if comparison.scale is not None else text


def describe_margin(comparisons: Sequence[Comparison]) -> str:
    """Return what a claim calls a difference, to be added to its text: ", by at least 1 point".

    "" where its comparisons want no difference, or not all of them the same.
    """
    steps = {
        _describe_step(comparison, comparison.margin) if comparison.bound == "equivalence" else ""
        for comparison in comparisons
    }
    (step,) = steps if len(steps) == 1 else ("",)
    return f", by at least {step}" if step else ""


def _explain_missing(missing: Sequence[Evidence], total: int) -> str:
    """Say what was not measured."""
    clauses = list(dict.fromkeys(entry.missing for entry in missing))
    named = "; ".join(clauses[:3]) + (f"; and {len(clauses) - 3} more" if len(clauses) > 3 else "")
    if total > 1:
        named = f"{_say_share(len(missing), total)} {'lacks' if len(missing) == 1 else 'lack'} numbers: {named}"
    return (named or "It compares nothing here") + "."
