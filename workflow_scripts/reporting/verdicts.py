"""The words for what was found of a claim, what they mean, and how many there are of each."""

from __future__ import annotations

from collections.abc import Iterable

REPRODUCED, FAILED, UNDECIDED = "reproduced", "not reproduced", "undecided"
AT_CEILING, NOT_RUN = "at ceiling", "not run"
PROVISIONAL = ", provisional"  # added to a verdict that rests on one seed

# The legend, in the order in which verdicts are counted. Its last entry is of the suffix.
MEANINGS = {
    REPRODUCED: "The measured numbers bear the claim out, by more than the spread over seeds explains.",
    FAILED: "The measured numbers contradict the claim, by more than the spread over seeds explains.",
    UNDECIDED: "Too close to tell: the seeds disagree, or the difference is smaller than the claim calls a difference.",
    AT_CEILING: "Cannot be tested here: what was to be exceeded is as good as it can be, so that nothing exceeds it.",
    NOT_RUN: "Numbers that the claim needs were not measured.",
    PROVISIONAL.removeprefix(", "): "The verdict rests on one seed, so that no spread is known.",
}
VERDICTS = (REPRODUCED, FAILED, UNDECIDED, AT_CEILING, NOT_RUN)


def split_verdict(text: str) -> tuple[str, bool]:
    """Return the verdict without its suffix, one of `VERDICTS`, and whether it is provisional."""
    return text.removesuffix(PROVISIONAL), text.endswith(PROVISIONAL)


def count_verdicts(verdicts: Iterable[str]) -> str:
    """Return how many there are of each verdict: "5 reproduced, 1 undecided, 2 not run, 1 of them provisional".

    Provisional verdicts are counted with the others. Returns "no claims" where there are none.
    """
    split = [split_verdict(text) for text in verdicts]
    counts = {verdict: sum(found == verdict for found, _ in split) for verdict in VERDICTS}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    provisional = sum(is_provisional for _, is_provisional in split)
    if provisional:
        judged = len(split) - counts[NOT_RUN]
        parts.append("all provisional" if provisional == judged else f"{provisional} of them provisional")
    return ", ".join(parts) or "no claims"
