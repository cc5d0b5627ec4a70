"""Sentences on fairness follow the rows."""

import pandas as pd
import pytest
from reported import make_fairness_rows, make_row

from workflow_scripts.reporting.findings.fairness import Fairness
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit
FAIRNESS = Fairness({"method": "constant"}, {"method": "raw", "variant": "blind"})


def describe(rows, groups):
    return FAIRNESS.describe(rows, describe_measured(rows, "toy", groups, []), {})


def test_sentences_say_what_the_rows_say():
    controls = [make_row("constant", "gender", "accuracy", 67.5), make_row("raw~blind", "gender", "accuracy", 84.9)]
    rows = pd.concat([make_fairness_rows((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)), make_rows(controls)])
    first, second = describe(rows, ["gender"])
    assert "most frequent gender is right in 67.5 % of the rows; the features other than gender alone reveal" in first
    assert "in 84.9 %" in first
    assert "90.0 % of the rows without context, in 99.0 % under an equivariant context of 126 tokens" in second
    assert "in 70.0 % under an invariant one; the difference in equalized odds is .300, .400 and .100" in second


def test_images_have_no_such_sentences():
    assert describe(make_rows([make_row("constant", "rotation", "r2", 0.0)]), ["rotation", "color"]) == []
