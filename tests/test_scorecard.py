"""The scorecard: verdicts follow the rows, also against the claim."""

import numpy as np
import pytest
import scipy.stats
from reported import GROUPS, PAPER, make_all_rows, make_fairness_rows, make_row

from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.places import list_claims
from workflow_scripts.reporting.scorecard import FAILED, NOT_RUN, REPRODUCED, UNDECIDED, judge, make_scorecard, t_bound
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit
CONTROLS = ["random", "constant", "supervised"]
# Rotation and color R2 under each context, by length, as the paper has them.
PUBLISHED = {
    ("rotation", 0): (0.735, 0.910), ("rotation", 126): (0.744, 0.046),
    ("color", 0): (0.735, 0.910), ("color", 126): (0.344, 0.986),
}  # fmt: skip


def claims(benchmark="3diebench"):
    return {claim["id"]: claim for claim in list_claims(read_paper(PAPER), benchmark)}


def rows_of(values, spread=0.0, seeds=1, **others):
    """Rows of ContextSSL with `values`, of other methods with (rotation R2, color R2, top-1)."""
    rows = []
    for seed in range(seeds):
        for (kind, length), pair in values.items():
            for task, value in zip(GROUPS, pair, strict=True):
                shifted = value + spread * (
                    seed - 1 if length else 0
                )  # -1, 0, 1: the mean stays, the deviation is spread
                rows.append(make_row("contextssl", task, "r2_pooled", shifted, "z+", kind, length, seed))
        for name, (rotation, color, top1) in {
            "contextssl": (0.7, 0.9, 80.4),
            "constant": (0.229, 0.0, 16.0),
            **others,
        }.items():
            rows += [
                make_row(name, "rotation", "r2_pooled", rotation, seed=seed),
                make_row(name, "color", "r2_pooled", color, seed=seed),
            ]
            rows.append(make_row(name, "class", "top1", top1, seed=seed))
    return make_rows(rows)


def verdict(claim, rows, names=(), benchmark="3diebench"):
    measured = describe_measured(rows, "toy", GROUPS, names)
    return judge(claims(benchmark)[claim], rows, measured, CONTROLS).verdict


@pytest.mark.parametrize("claim", [
    "rotation-context-raises-rotation", "rotation-context-drops-color", "color-context-raises-color",
    "color-context-drops-rotation", "best-rotation", "best-color", "classification-kept",
])  # fmt: skip
def test_the_published_numbers_reproduce_the_claims(claim):
    assert verdict(claim, rows_of(PUBLISHED, simclr=(0.506, 0.148, 85.3))) == REPRODUCED


@pytest.mark.parametrize(("claim", "change"), [
    ("rotation-context-raises-rotation", {("rotation", 126): (0.6, 0.046)}),
    ("rotation-context-drops-color", {("rotation", 126): (0.744, 0.3)}),
    ("rotation-context-drops-color", {("rotation", 126): (0.744, 0.046), ("rotation", 0): (0.735, 0.2)}),
    ("color-context-raises-color", {("color", 126): (0.344, 0.9)}),
    ("color-context-drops-rotation", {("color", 126): (0.7, 0.986)}),
])  # fmt: skip
def test_rows_that_contradict_a_claim_do_not_reproduce_it(claim, change):
    assert verdict(claim, rows_of(PUBLISHED | change)) == FAILED


def test_rivals_are_all_other_methods_but_controls_and_variants():
    better = {"simclr": (0.8, 0.1, 90.0)}
    assert verdict("best-rotation", rows_of(PUBLISHED, **better)) == FAILED
    assert verdict("best-color", rows_of(PUBLISHED, **better)) == REPRODUCED
    assert verdict("classification-kept", rows_of(PUBLISHED, **better)) == FAILED
    allowed = rows_of(PUBLISHED, simclr=(0.5, 0.1, 85.0), supervised=(0.99, 0.99, 99.0))
    assert verdict("best-rotation", allowed) == REPRODUCED
    assert verdict("best-rotation", rows_of(PUBLISHED)) == NOT_RUN  # there is no rival
    assert verdict("best-rotation", rows_of(PUBLISHED, simclr=(0.5, 0.1, 85.0)), ["simclr", "sie"]) == NOT_RUN


def test_missing_rows_are_not_run():
    assert verdict("retrieval-best", rows_of(PUBLISHED)) == NOT_RUN
    assert verdict("mask-helps", rows_of(PUBLISHED)) == NOT_RUN
    assert verdict("fairness-adapts", rows_of(PUBLISHED), benchmark="adult") == NOT_RUN


def test_a_spread_over_seeds_leaves_a_small_difference_undecided():
    assert verdict("color-context-raises-color", rows_of(PUBLISHED, 0.001, seeds=3)) == REPRODUCED
    assert verdict("color-context-raises-color", rows_of(PUBLISHED, 0.2, seeds=3)) == UNDECIDED


def test_t_bound_agrees_with_the_t_test():
    random = np.random.default_rng(1)
    for _ in range(200):
        values = random.normal(0.5, 1.0, size=random.integers(2, 8))
        passed = values.mean() >= t_bound(values.std(ddof=1), len(values))
        assert passed == (scipy.stats.ttest_1samp(values, 0.0, alternative="greater").pvalue <= 0.05)


def test_a_difference_of_differences(random):
    rows = make_rows(make_all_rows(random, ["contextssl", "contextssl~mask0"]))
    measured = describe_measured(rows, "toy", GROUPS, [])
    found = judge(claims()["mask-helps"], rows, measured, CONTROLS).evidence[1]
    own = rows[(rows["task"] == "color") & (rows["metric"] == "r2_pooled") & (rows["level"] == 126)]
    own = own.set_index(["variant", "condition", "seed"])["value"]
    effects = [
        [own[variant, "context color", seed] - own[variant, "context rotation", seed] for seed in range(3)]
        for variant in ("", "mask0")
    ]
    differences = np.subtract(*effects)
    assert found.mean == pytest.approx(differences.mean())
    assert found.std == pytest.approx(differences.std(ddof=1))


def test_the_scorecard_says_what_it_was_judged_on():
    rows = rows_of(PUBLISHED, simclr=(0.506, 0.148, 85.3))
    measured = describe_measured(rows, "toy", GROUPS, [])
    verdicts = [judge(claim, rows, measured, CONTROLS) for claim in claims().values()]
    table = make_scorecard(read_paper(PAPER), "toy", verdicts, "embedded data")
    assert {record["paper"] for record in table.records} == {read_paper(PAPER).title}
    assert "judged on toy with one seed" in table.caption
    assert "Data: embedded data." in table.caption
    assert len(table.lines) == len(table.details) == len(claims())
    assert any("wanted at least .300" in line for line in table.details[1])


@pytest.mark.parametrize(
    ("values", "benchmark", "expected"),
    [
        (((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)), "adult", REPRODUCED),
        (((90, 0.1, 0.2), (99, 0.4, 0.3), (70, 0.3, 0.1)), "adult", FAILED),
        (((90, 0.3, 0.1), (99, 0.4, 0.3), (70, 0.1, 0.2)), "adult", FAILED),
        (((100, 0.3, 0.2), (100, 0.4, 0.3), (70, 0.1, 0.1)), "adult", FAILED),  # it cannot rise
        (((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)), "mimic3", NOT_RUN),  # treatment was not measured
        (((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1), (60, 65)), "mimic3", REPRODUCED),
        (((90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1), (60, 59)), "mimic3", FAILED),
    ],
)
def test_fairness_is_judged_on_each_of_its_benchmarks(values, benchmark, expected):
    assert verdict("fairness-adapts", make_fairness_rows(*values), benchmark=benchmark) == expected
