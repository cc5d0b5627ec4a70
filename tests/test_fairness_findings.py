"""Sentences on fairness follow the rows."""

import pandas as pd
import pytest
from test_reporting import row
from test_scorecard import fairness_rows

from workflow_scripts.reporting.fairness import describe_fairness
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit


def test_sentences_say_what_the_rows_say():
    controls = [row("constant", "gender", "accuracy", 67.5), row("raw~blind", "gender", "accuracy", 84.9)]
    rows = pd.concat([fairness_rows((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)), make_rows(controls)])
    first, second = describe_fairness(rows, "toy", ["gender"])
    assert "most frequent gender is right in 67.5 % of the rows; the features other than gender alone reveal" in first
    assert "in 84.9 %" in first
    assert "90.0 % of the rows without context, in 99.0 % under an equivariant context of 126 tokens" in second
    assert "in 70.0 % under an invariant one; the difference in equalized odds is .300, .400 and .100" in second


def test_images_have_no_such_sentences():
    assert describe_fairness(make_rows([row("constant", "rotation", "r2", 0.0)]), "toy", ["rotation", "color"]) == []
