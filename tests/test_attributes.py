"""Fairness and attributes: fairlearn's differences against counts by hand, and what a probe must and must not find."""

import numpy as np
import pytest

from workflow_scripts.evaluation.attributes import explain_unfair, measure_attributes, measure_fairness, predict_classes

pytestmark = pytest.mark.golden


def rates_by_hand(truth, predicted, sensitive):
    """True and false positive rates of each group, counted one by one."""
    rates = []
    for group in (0, 1):
        hits = alarms = positives = negatives = 0
        for t, p, s in zip(truth, predicted, sensitive, strict=True):
            if s != group:
                continue
            positives, negatives = positives + (t == 1), negatives + (t == 0)
            hits, alarms = hits + (t == 1 and p == 1), alarms + (t == 0 and p == 1)
        rates.append((hits / positives, alarms / negatives))
    return rates


@pytest.mark.parametrize("seed", range(5))
def test_fairness_matches_counts_by_hand(seed):
    random = np.random.default_rng(seed)
    truth, predicted, sensitive = random.integers(2, size=(3, 400))
    (true0, false0), (true1, false1) = rates_by_hand(truth, predicted, sensitive)
    found = measure_fairness(truth, predicted, sensitive)
    assert found["equality_of_opportunity"] == pytest.approx(abs(true0 - true1), abs=1e-12)
    assert found["equalized_odds"] == pytest.approx(max(abs(true0 - true1), abs(false0 - false1)), abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "sensitive", "reason"),
    [
        ([0, 0, 1, 0], [0, 0, 1, 1], "lacks positive or negative rows"),
        ([0, 1, 1, 0], [1, 1, 1, 1], "all rows are of one group"),
        ([1, 1, 1, 1], [0, 0, 1, 1], "lacks positive or negative rows"),
    ],
)
def test_groups_that_cannot_be_compared_have_no_fairness(truth, sensitive, reason):
    truth, sensitive = np.array(truth), np.array(sensitive)
    assert measure_fairness(truth, truth, sensitive) == {}
    assert reason in explain_unfair(truth, sensitive)


def test_what_is_in_an_embedding_is_found_and_what_is_not_is_not(random):
    n = 4000
    gender, treatment = random.integers(2, size=(2, n))
    label = (random.random(n) < 0.3).astype(int)
    embedding = np.stack([gender + random.normal(0, 0.1, n), random.normal(size=n), 1e3 * label - 7], axis=1)
    targets = {"class": label, "gender": gender, "treatment": treatment}
    halves = [(embedding[part], {k: v[part] for k, v in targets.items()}) for part in (slice(2000), slice(2000, n))]
    found = {(task, metric): value for task, metric, value in measure_attributes(*halves, "gender")}
    assert found["gender", "accuracy"] > 99.9
    assert found["class", "accuracy"] == 100
    assert abs(found["treatment", "accuracy"] - 50) < 4
    assert found["class", "equalized_odds"] == 0


def test_an_embedding_without_information_gives_the_majority():
    train, labels = np.ones((30, 1)), np.array([1] * 20 + [0] * 10)
    assert predict_classes(train, labels, np.ones((5, 1))).tolist() == [1] * 5
    assert predict_classes(np.arange(4.0)[:, None], np.zeros(4, dtype=int), np.ones((2, 1))).tolist() == [0, 0]
