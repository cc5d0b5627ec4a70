"""The additive model's information against brute force, by hand, and beside the values of the paper's formulas."""

import math
from collections import defaultdict
from fractions import Fraction
from types import SimpleNamespace

import pytest
import yaml
from project import ROOT

from workflow_scripts.evaluation.evaluators.additive_model import Settings
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.theory import additive_information, balanced_bound, balanced_information
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden
RATIOS = [Fraction(text) for text in ("-3", "-1", "-1/2", "0", "1/3", "1/2", "2/3", "1", "3/2", "2", "3", "7")]


def slow_information(n_a, n_c, ratio):
    """I(A; C | X) = E[ln p(a, c | x) / (p(a | x) p(c | x))], sums over all pairs, with exact probabilities."""
    joint = {(a, c, a + ratio * c): Fraction(1, n_a * n_c) for a in range(n_a) for c in range(n_c)}
    seen, with_a, with_c = defaultdict(Fraction), defaultdict(Fraction), defaultdict(Fraction)
    for (a, c, x), p in joint.items():
        seen[x] += p
        with_a[a, x] += p
        with_c[c, x] += p
    return sum(float(p) * math.log(p * seen[x] / (with_a[a, x] * with_c[c, x])) for (a, c, x), p in joint.items())


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize(("n_a", "n_c"), [(2, 2), (2, 7), (5, 4), (12, 5)])
def test_information_is_that_of_all_pairs(n_a, n_c, ratio):
    assert additive_information(n_a, n_c, ratio) == pytest.approx(slow_information(n_a, n_c, ratio), abs=1e-12)


def test_information_by_hand():
    """Two actions, two classes: X = 0, 1, 1, 2, so that half of the time the class says which of two actions it was."""
    assert additive_information(2, 2, Fraction(1)) == pytest.approx(math.log(2) / 2)
    assert additive_information(3, 2, Fraction(2)) == pytest.approx(2 / 6 * math.log(2))  # 0, 1, 2, 2, 3, 4
    assert additive_information(2, 9, Fraction(2)) == additive_information(9, 9, Fraction(0)) == 0


@pytest.mark.parametrize(("n_a", "n_c"), [(2, 2), (3, 2), (10, 10), (24, 10), (100, 7)])
def test_the_closed_form_is_the_information_at_balance(n_a, n_c):
    exact = additive_information(n_a, n_c, Fraction(1))
    assert balanced_information(n_a, n_c) == pytest.approx(exact, abs=1e-12)
    assert additive_information(n_a, n_c, Fraction(-1)) == pytest.approx(exact, abs=1e-12)  # a tie
    assert balanced_bound(n_a, n_c) <= exact + 1e-12
    assert all(additive_information(n_a, n_c, ratio) < exact for ratio in RATIOS if abs(ratio) != 1)


def test_the_bound_rises_with_the_number_of_actions():
    bounds = [balanced_bound(n_a, 10) for n_a in range(10, 200)]
    assert bounds == sorted(bounds)
    assert math.log(10) - balanced_bound(10**6, 10) < 1e-4
    assert balanced_bound(5, 2) == pytest.approx(4 / 5 * math.log(2))  # by hand


def test_what_the_theorem_does_not_say_is_refused():
    with pytest.raises(ValueError, match="n_a >= n_c, not 3 and 4"):
        balanced_information(3, 4)
    with pytest.raises(ValueError, match="n_c >= 2, not 1"):
        balanced_bound(3, 1)


def list_rows(settings, constant=True):
    run = SimpleNamespace(splits=["test"], is_constant=lambda array: constant)
    evaluator = make_evaluator("additive_model", settings)
    assert bool(evaluator.skip(run)) is not constant
    rows = list(evaluator.rows(run))
    assert all(row["condition"] in evaluator.conditions for row in rows)
    return {(row["task"], row["metric"], row["condition"], row["level"]): row["value"] for row in rows}


def test_rows_are_those_of_the_settings():
    found = list_rows({"sizes": [[2, 2], [3, 2], [2, 2]], "lambdas": [1, "2/2", "1/2"]})
    task = "additive model, 2 classes"
    keys = [(task, "information", "lambda 1"), (task, "information", "lambda 1/2"), (task, "lower_bound", "lambda 1")]
    assert list(found) == [(*key, n_a) for n_a in (2, 3) for key in keys]
    assert found[task, "information", "lambda 1", 2] == pytest.approx(math.log(2) / 2)
    assert list_rows({"sizes": [[2, 2]], "lambdas": [0]}, constant=False)  # skipped, but not for lack of numbers


@pytest.mark.parametrize(("value", "what"), [("half", "no fraction"), ("1/0", "no fraction"), ("1e99", "out of range")])
def test_a_wrong_lambda_is_one_sentence(value, what):
    with pytest.raises(UserError, match=rf"lambdas: '{value}' .*{what}"):
        make_evaluator("additive_model", {"lambdas": [value]})


def test_the_defaults_are_the_published_values():
    path = ROOT / ".." / "shared" / "published" / "essl.yaml"
    if not path.exists():
        pytest.skip("the published numbers beside this checkout (../shared/published) are absent")
    table = yaml.safe_load(path.read_text())["tables"]["additive_model"]
    found, checked = list_rows({}), 0
    for n_a, n_c, *values in (row["values"] for row in table["rows"]):
        for column, value in zip(table["columns"][2:], values, strict=True):
            bound = column == "lower_bound_at_1"
            key = ("lower_bound", "lambda 1") if bound else ("information", column)
            assert found[f"additive model, {n_c} classes", *key, n_a] == pytest.approx(value, abs=5e-5)
            checked += 1
    assert checked == len(found) == 6 * len(Settings().sizes)
