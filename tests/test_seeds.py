"""Values by seed: whether two sets of them differ, against scipy's test; and readouts of runs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reported_looc import RENDERED, make_looc, make_number
from scipy.stats import ttest_1samp

from workflow_scripts.reporting.readouts import Kept, Readout, keep_best, list_readouts, name_readout
from workflow_scripts.reporting.seeds import LEVEL, compare, join, show, show_range

pytestmark = pytest.mark.unit


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.floats(-2, 2), st.integers(0, 10**6))
def test_a_difference_is_one_where_a_test_on_its_side_says_so(seeds, shift, seed):
    random = np.random.default_rng(seed)
    values, others = (pd.Series(random.normal(size=seeds)) for _ in range(2))
    values += shift
    above, below = (ttest_1samp(values - others, 0, alternative=side).pvalue for side in ("greater", "less"))
    assert compare(values, others) == (1 if above <= LEVEL else -1 if below <= LEVEL else 0)
    assert compare(others, values) == -compare(values, others)


def test_seeds_are_compared_in_pairs_and_one_by_its_sign():
    assert compare(pd.Series([1.0, 2.0, 9.0]), pd.Series([0.9, 1.9, 8.9])) == 1
    assert compare(pd.Series([1.0, 2.0, 9.0]), pd.Series([1.9, 0.9, 8.9])) == 0
    assert compare(pd.Series([1.0, 1.0]), pd.Series([1.0, 1.0])) == 0
    assert compare(pd.Series([1.0, 1.0]), pd.Series([2.0, 2.0])) == -1
    assert compare(pd.Series([5.0, 0.0]), pd.Series([1.0], index=[1])) == -1  # of seed 1 alone
    assert compare(pd.Series([5.0, 0.0]), pd.Series([1.0], index=[7])) == 1  # no common seed: the means


def test_numbers_in_words():
    assert show(pd.Series([0.25, 0.35, 0.45]), 3) == ".35 ± .10"
    assert show(pd.Series([0.5, 0.5]), 3) == ".500"
    assert show_range([0.31, 0.1, 0.2], 1) == ".1 to .3"
    assert show_range([0.31, 0.31], 1) == ".3"
    assert [join(parts) for parts in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_readouts_are_those_of_every_run_representation_and_context():
    material = make_looc(RENDERED, seeds=1, runs=["contextssl", "simclr"])
    kept = Kept("rotation R2", {"task": "rotation", "metric": "r2"}, 3)
    found = list_readouts(material.rows, material.measured["toy"], kept)
    names = [("h", "", None)] + [("z+", f"context {kind}", n) for kind in ("rotation", "color") for n in (0, 14)]
    places = {name_readout("contextssl", *place): place for place in names}
    own = {readout.name: readout.mean for readout in found if readout.run == "contextssl"}
    assert own == {name: make_number("contextssl", 0, p[0], "rotation", "r2", *p[1:]) for name, p in places.items()}
    assert name_readout("contextssl", *names[-1]) == "contextssl (z+, context color of 14)"
    means = [readout.mean for readout in found]
    assert means == sorted(means, reverse=True)
    best = keep_best(found)
    assert [readout.run for readout in best] == [r.run for r in best if r.mean == max_of(found, r.run)]
    assert {readout.run for readout in best} == {"contextssl", "simclr"}
    assert best[0] is found[0]
    apart = list_readouts(material.rows, material.measured["toy"], kept, ["contextssl"], ["h"])
    assert not [readout for readout in apart if readout.run == "contextssl" or readout.where["representation"] == "h"]


def max_of(readouts, run):
    return max(readout.mean for readout in readouts if readout.run == run)


def test_the_best_readouts_keep_the_order_of_the_best():
    def make(run, value):
        return Readout(f"{run} {value}", run, {}, pd.Series([value]))

    found = [make("a", 9.0), make("b", 8.0), make("b", 3.0), make("a", 1.0)]
    assert [readout.name for readout in keep_best(found)] == ["a 9.0", "b 8.0"]
