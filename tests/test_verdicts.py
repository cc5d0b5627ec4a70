"""Verdicts in words: what they mean, and how many there are."""

import pytest

from workflow_scripts.reporting.verdicts import MEANINGS, PROVISIONAL, VERDICTS, count_verdicts, split_verdict

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("verdicts", "expected"), [
    ([], "no claims"),
    (["not run"], "1 not run"),
    (["not run", "undecided", *["reproduced"] * 5, "at ceiling", "not run", "at ceiling"],
     "5 reproduced, 1 undecided, 2 at ceiling, 2 not run"),
    (["reproduced, provisional", "reproduced", "not reproduced"],
     "2 reproduced, 1 not reproduced, 1 of them provisional"),
    (["at ceiling, provisional", "reproduced, provisional", "not run"],
     "1 reproduced, 1 at ceiling, 1 not run, all provisional"),
])  # fmt: skip
def test_verdicts_are_counted_in_their_order(verdicts, expected):
    assert count_verdicts(verdicts) == expected


def test_every_verdict_has_a_meaning():
    assert tuple(MEANINGS)[:-1] == VERDICTS
    assert tuple(MEANINGS)[-1] == PROVISIONAL.removeprefix(", ")
    assert all(text.endswith(".") and text.count(". ") == 0 for text in MEANINGS.values())
    assert [split_verdict(v + PROVISIONAL) for v in VERDICTS] == [(v, True) for v in VERDICTS]
    assert [split_verdict(v) for v in VERDICTS] == [(v, False) for v in VERDICTS]
