"""Statements on fairness follow the rows."""

import pandas as pd
import pytest
from reported import make_fairness_rows, make_row

from workflow_scripts.reporting.findings.fairness import Fairness
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit
FAIRNESS = Fairness({"method": "constant"}, {"method": "raw", "variant": "blind"}, {"method": "random"})
OWN = ((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1))  # no context, equivariant, invariant: gender, odds, opportunity


def describe(rows, groups=("gender",)):
    return FAIRNESS.describe(rows, describe_measured(rows, "toy", list(groups), []), {})


def make(own=OWN, odds=(0.05, 0.2), revealed=84.9):
    """Rows of ContextSSL, of controls, and of two runs without contexts with these differences in equalized odds."""
    rows = [make_row("constant", "gender", "accuracy", 67.5), make_row("raw~blind", "gender", "accuracy", revealed)]
    rows += [make_row(run, "class", "equalized_odds", x) for run, x in zip(("simclr", "random"), odds, strict=True)]
    return pd.concat([make_fairness_rows(*own), make_rows(rows)])


def test_sentences_say_what_the_rows_say():
    *_, first, second = describe(make())
    assert (first.headline, second.headline) == (False, False)
    assert "most frequent gender is right in 67.5 % of the rows; the features other than gender alone" in first.text
    assert "reveal it in 84.9 %" in first.text
    assert "90.0 % of the rows without context, in 99.0 % under an equivariant context of 126 tokens" in second.text
    assert "in 70.0 % under an invariant one; the difference in equalized odds is .300, .400 and .100" in second.text


@pytest.mark.parametrize(
    ("hidden", "revealed", "text"),
    [
        (70, 84.9, "lowers the accuracy of reading gender from 90.0 to 70.0 %, below the 84.9 % that the other"),
        (88, 84.9, "lowers the accuracy of reading gender from 90.0 to 88.0 %, above the 84.9 % that the other"),
        (95, 84.9, "raises the accuracy of reading gender from 90.0 to 95.0 %, above the 84.9 %"),
        (90, 90.0, "leaves the accuracy of reading gender at 90.0 %, too close to tell from the 90.0 %"),
    ],
)
def test_how_well_gender_is_hidden_follows_the_rows(hidden, revealed, text):
    headline = describe(make((OWN[0], OWN[1], (hidden, 0.1, 0.1)), revealed=revealed))[0]
    assert headline.headline
    assert text in headline.text
    assert "above the 67.5 % of always guessing the most frequent." in headline.text
    bars = [(bar.mean, bar.role) for bar in headline.bars]
    assert bars == [(90, "rival"), (99, "rival"), (hidden, "subject"), (revealed, "control"), (67.5, "floor")]


@pytest.mark.parametrize(
    ("odds", "text"),
    [
        (
            (0.05, 0.08),
            "worse than that of all 2 runs without contexts (.050 to .080); the",
        ),
        (
            (0.2, 0.3),
            "better than that of all 2 runs without contexts (.200 to .300); the",
        ),
        ((0.05, 0.3), "worse than that of 1 of 2 runs without contexts (.050) and better than that of 1 (.300); the"),
    ],
)
def test_odds_are_compared_with_those_of_others(odds, text):
    headline = describe(make(odds=odds))[1]
    start = "The best equalized odds difference of contextssl, .100 under its invariant context (0 is fair), is "
    assert headline.text.startswith(start + text)
    assert headline.text.endswith(f"; the untrained encoder's is {format_number(odds[1], 3)}.")
    assert {bar.label: bar.role for bar in headline.bars}["random"] == "control"
    assert [bar.mean for bar in headline.bars if bar.role == "subject"] == [0.3, 0.4, 0.1]


@pytest.mark.parametrize(
    ("different", "text"),
    [(0, "in all 20 rows, so"), (1, "in 19 of 20 rows (the rest differ by at most .100), so"), (9, "")],
)
def test_two_measures_that_are_one_are_told(different, text):
    rows = []
    for seed in range(20):
        odds = 0.2 + 0.001 * seed
        rows.append(make_row("simclr", "class", "equalized_odds", odds, seed=seed))
        opportunity = odds - (0.1 if seed < different else 0)
        rows.append(make_row("simclr", "class", "equality_of_opportunity", opportunity, seed=seed))
    rows.append(make_row("raw", "class", "equalized_odds", 0.3))  # alone, it is no row to compare
    statements = describe(make_rows(rows))
    assert [statement.headline for statement in statements] == ([True] if text else [])
    assert text in "".join(statement.text for statement in statements)


def test_images_have_no_such_sentences():
    assert describe(make_rows([make_row("constant", "rotation", "r2", 0.0)]), ["rotation", "color"]) == []
