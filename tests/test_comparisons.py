"""A comparison: decided beyond the spread on either side, tied below a difference worth the name, or at its ceiling."""

import pytest
import scipy.stats
from reported import make_row

from workflow_scripts.reporting.comparisons import Comparison, weigh
from workflow_scripts.reporting.explanations import explain
from workflow_scripts.reporting.scales import SCALES, get_scale
from workflow_scripts.reporting.seeds import LEVEL
from workflow_scripts.reporting.verdicts import AT_CEILING, FAILED, NOT_RUN, REPRODUCED, UNDECIDED
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit
CONTROL = {"method": "supervised", "representation": "h"}


def term(method, task="class", metric="top1"):
    return {"method": method, "task": task, "metric": metric, "representation": "h"}


def compare(bound, margin, ceiling=None, metric="top1", **values):
    """Weigh `one` less `other` (or one alone). values: by method, a number a seed."""
    rows = [make_row(name, "class", metric, value, seed=seed) for name, own in values.items()
            for seed, value in enumerate(own)]  # fmt: skip
    than = term("other", metric=metric) if "other" in values else None
    comparison = Comparison("One less other", term("one", metric=metric), than, margin, bound, ceiling)
    return weigh(comparison, make_rows(rows))


def make_trials(**methods):
    """Rows of many trials, each a variant. methods: for each trial, a number a seed."""
    return make_rows([make_row(f"{name}~t{i}", "class", "top1", value, seed=seed) for name, trials in methods.items()
                      for i, values in enumerate(trials) for seed, value in enumerate(values)])  # fmt: skip


def test_both_sides_are_t_tests(random):
    """Reproduced and not reproduced are rejections of the one-sided test on their sides; else it is undecided."""
    trials = [(float(random.normal()), int(random.integers(2, 8))) for _ in range(100)]
    trials = [(margin, random.normal(margin + random.normal(), 1.0, size=n)) for margin, n in trials]
    rows, seen = make_trials(one=[values for _, values in trials]), set()
    for i, (margin, values) in enumerate(trials):
        for bound in ("at_least", "at_most"):
            sides = [scipy.stats.ttest_1samp(values, margin, alternative=side).pvalue for side in ("greater", "less")]
            good, bad = sides if bound == "at_least" else sides[::-1]
            expected = REPRODUCED if good <= LEVEL else FAILED if bad <= LEVEL else UNDECIDED
            of = {**term("one"), "variant": f"t{i}"}
            assert weigh(Comparison("", of, None, margin, bound), rows).verdict == expected
            seen.add(expected)
    assert seen == {REPRODUCED, FAILED, UNDECIDED}


def test_an_equivalence_is_two_t_tests(random):
    sizes = [int(random.integers(3, 8)) for _ in range(100)]
    ones = [random.normal(random.normal(0, 1.5), 0.6, size=n) for n in sizes]
    others = [random.normal(0, 0.6, size=n) for n in sizes]
    rows, seen = make_trials(one=ones, other=others), set()
    for i, (one, other) in enumerate(zip(ones, others, strict=True)):
        least = float(random.uniform(0.1, 1.0))
        ahead = scipy.stats.ttest_1samp(one - other, least, alternative="greater").pvalue
        behind = scipy.stats.ttest_1samp(one - other, -least, alternative="less").pvalue
        expected = REPRODUCED if ahead <= LEVEL else FAILED if behind <= LEVEL else UNDECIDED
        of, than = ({**term(name), "variant": f"t{i}"} for name in ("one", "other"))
        assert weigh(Comparison("", of, than, least, "equivalence"), rows).verdict == expected
        seen.add(expected)
    assert seen == {REPRODUCED, FAILED, UNDECIDED}


@pytest.mark.parametrize(
    ("bound", "margin", "value", "expected"),
    [
        ("at_least", 1.0, 1.0, REPRODUCED),
        ("at_least", 1.0, 0.9, FAILED),
        ("at_most", 1.0, 1.0, REPRODUCED),
        ("at_most", 1.0, 1.1, FAILED),
        ("equivalence", 1.0, 1.0, REPRODUCED),
        ("equivalence", 1.0, 0.9, UNDECIDED),
        ("equivalence", 1.0, -0.9, UNDECIDED),
        ("equivalence", 1.0, -1.0, FAILED),
    ],
)
def test_one_seed_or_seeds_that_agree_decide_by_their_sign(bound, margin, value, expected):
    for seeds in (1, 3):
        assert compare(bound, margin, one=[value] * seeds, other=[0.0] * seeds).verdict == expected


CEILINGS = [  # bound, margin, ceiling, one, other, supervised, verdict
    ("at_least", 0.1, "scale", [100, 100], [100, 100], [], AT_CEILING),
    ("at_least", 0.1, None, [100, 100], [100, 100], [], FAILED),  # nobody said that it has a ceiling
    ("at_least", 0.1, "scale", [99.99, 99.97], [99.95, 99.95], [], AT_CEILING),  # room for .05 is not enough for .1
    ("at_least", 0.1, "scale", [99.1, 99.1], [99.0, 99.2], [], UNDECIDED),  # there is room
    ("at_least", 0.1, "scale", [99.0, 99.0], [100, 100], [], FAILED),  # no room to rise, but it fell
    ("at_least", 0.0, "scale", [100, 100], [100, 100], [], AT_CEILING),  # equal, where it should be better
    ("at_least", 0.0, "scale", [90, 90], [90, 90], [], REPRODUCED),
    ("at_least", 0.0, "scale", [99, 100], [100, 100], [], UNDECIDED),
    ("at_least", 0.0, "scale", [99, 99], [100, 100], [], FAILED),
    ("at_least", -5.0, "scale", [94, 94], [100, 100], [], FAILED),  # near it could have been
    ("at_most", 1.0, "scale", [100, 100], [98, 98], [], FAILED),
    ("equivalence", 1.0, CONTROL, [90, 90], [90.5, 90.5], [91, 91], AT_CEILING),
    ("equivalence", 1.0, CONTROL, [90, 90], [90.5, 90.5], [95, 95], UNDECIDED),
    ("equivalence", 1.0, CONTROL, [90, 90], [90.5, 90.5], [80, 80], UNDECIDED),  # exceeded: it is no ceiling
    ("equivalence", 1.0, CONTROL, [90, 90], [90.5, 90.5], [], UNDECIDED),
    ("equivalence", 1.0, CONTROL, [99, 99], [99.5, 99.5], [], AT_CEILING),  # of the scale, in want of the control
    ("equivalence", 1.0, CONTROL, [80, 80], [90.5, 90.5], [91, 91], FAILED),
    ("equivalence", 1.0, CONTROL, [88, 90.5], [90.5, 90.5], [91, 91], UNDECIDED),  # it does not stand there itself
    ("equivalence", 1.0, CONTROL, [92, 92], [90.5, 90.5], [91, 91], REPRODUCED),
]


@pytest.mark.parametrize(("bound", "margin", "ceiling", "one", "other", "supervised", "expected"), CEILINGS)
def test_what_cannot_be_exceeded_is_at_ceiling(bound, margin, ceiling, one, other, supervised, expected):
    found = compare(bound, margin, ceiling, one=one, other=other, supervised=supervised)
    assert found.verdict == expected
    assert (found.ceiling is not None) == (expected == AT_CEILING)


def test_room_is_the_mean_over_seeds():
    """Less than the wanted 1 on the mean, whatever single seeds leave."""
    for other, expected in (([98.6, 99.8], AT_CEILING), ([98.2, 99.6], UNDECIDED)):
        found = compare("equivalence", 1.0, "scale", one=[99.0, 99.0], other=other)
        assert found.verdict == expected


def test_lower_is_better_of_some():
    """What is to be lowered must be high enough to be lowered."""
    for one, other, expected in (
        (0.0, 0.0, AT_CEILING),
        (0.01, 0.01, AT_CEILING),
        (0.5, 0.5, FAILED),
        (0.3, 0.1, REPRODUCED),
    ):
        found = compare("at_least", 0.05, "scale", "equalized_odds", one=[one] * 2, other=[other] * 2)
        assert found.verdict == expected
    assert not any(get_scale(name) for name in ("train_loss", "information", "same_image_mass"))
    assert all(scale.best in (0.0, 1.0, 100.0) and scale.percent == (scale.best == 100.0) for scale in SCALES.values())


@pytest.mark.parametrize(("given", "expected"), [
    ({"bound": "at_least", "margin": 0.3, "one": [0.9, 0.8], "other": [0.1, 0.1]},
     "One less other is .75 ± .07 (.85 against .10), and must be at least .3: it is, beyond the spread over 2 seeds."),
    ({"bound": "at_most", "margin": 0.1, "one": [0.033, 0.087, 0.196]},
     "One less other is .11 ± .08, and must be at most .1: too close to tell with 3 seeds."),
    ({"bound": "at_least", "margin": 0, "one": [0.1], "other": [0.2]},
     "One less other is -.100 (.100 against .200), and must be at least 0: it is not, with one seed."),
    ({"bound": "at_least", "margin": 0, "one": [0.00031, 0.00032], "other": [0.0, 0.0]},
     "One less other is .000315 ± .000007 (.000315 against .000000), and must be at least 0: it is, beyond the spread "
     "over 2 seeds."),
    ({"bound": "equivalence", "margin": 0.01, "one": [0.971], "other": [0.975]},
     "One less other is -.004 (.971 against .975), which is less than the .01 that the claim calls a difference."),
    ({"bound": "equivalence", "margin": 0.01, "one": [0.952, 0.944], "other": [0.961, 0.961]},
     "One less other is -.013 ± .006 (.948 against .961), behind by about the .01 that the claim calls a difference: "
     "too close to tell with 2 seeds."),
    ({"bound": "equivalence", "margin": 1, "metric": "top1", "one": [70, 70], "other": [75, 75]},
     "One less other is -5.0 ± .0 (70.0 against 75.0), behind by at least the 1 point that the claim calls a "
     "difference, with all 2 seeds alike."),
    ({"bound": "equivalence", "margin": 0.01, "ceiling": CONTROL, "one": [0.971], "other": [0.974],
      "supervised": [0.976]},
     "One less other is -.003 (.971 against .974), and must be at least .01, but only .002 is left up to the .976 that "
     "supervised scores."),
    ({"bound": "at_least", "margin": 0.05, "ceiling": "scale", "metric": "equalized_odds", "one": [0.0],
      "other": [0.0]},
     "One less other is .000 (.000 against .000), and must be at least .05, but no room is left down to 0, the end of "
     "the scale."),
    ({"bound": "at_least", "margin": 0.05, "other": [0.0]}, "one was not run."),
])  # fmt: skip
def test_why_is_one_sentence_with_numbers(given, expected):
    found = compare(**{"metric": "r2", **given})
    assert explain(found.verdict, [found]) == expected


def test_why_is_of_the_comparison_that_decided():
    good, close = (compare("at_least", 10.0, one=[value] * 2, other=[50.0] * 2) for value in (90, 61))
    bad, worse = (compare("at_least", 10.0, one=[value] * 2, other=[50.0] * 2) for value in (55, 40))
    lone = compare("at_least", 10.0, one=[0.0], other=[50.0])
    assert explain(REPRODUCED, [good, close]).startswith("Both comparisons hold; the closest: One less other is 11.0 ")
    assert explain(FAILED, [good, bad, worse]).startswith(
        "2 of 3 comparisons fail; the worst: One less other is -10.0 "
    )
    assert explain(FAILED, [good, bad]).startswith("1 of 2 comparisons fails: One less other is 5.0 ")
    assert "is -10.0 " in explain(FAILED, [lone, worse, bad])  # seen with several seeds
    assert explain(AT_CEILING, [good, good, compare("at_least", 0, "scale", one=[100], other=[100])]).startswith(
        "1 of 3 comparisons is at ceiling: "
    )


def test_what_is_missing_is_named():
    assert compare("at_least", 0.0, one=[1.0], other=[]).missing == "other was not run"
    rows = make_rows([make_row("one", "class", "top1", 1.0), make_row("other", "retrieval", "mrr", 0.5)])
    found = weigh(Comparison("", term("one"), term("other"), 0.0, "at_least"), rows)
    assert (found.verdict, found.missing) == (NOT_RUN, "other has no class top1")
    rows = make_rows([make_row("one", "class", "top1", 1.0, seed=0), make_row("other", "class", "top1", 1.0, seed=1)])
    found = weigh(Comparison("", term("one"), term("other"), 0.0, "at_least"), rows)
    assert found.missing == "no seed has both sides"
    assert explain(NOT_RUN, [found, found]) == "Both comparisons lack numbers: no seed has both sides."
