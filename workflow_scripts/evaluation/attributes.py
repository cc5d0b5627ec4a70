"""Attributes of rows: how well the class and each attribute are read from embeddings, and how fairly the class is.

Logistic regression, fitted to its optimum, on standardised embeddings of the training rows (ours; that of Gupta et
al. 2024 for tabular data was not available). Fairness is that of the predicted class with respect to the sensitive
attribute, as fairlearn defines it: equalized odds difference and equality of opportunity difference, 0 = fair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workflow_scripts.evaluation.metrics import top1

Measure = tuple[str, str, float]  # task, metric, value


def predict_classes(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return classes (m,) of embeddings `test` (m, D), learnt from `train` (n, D) with `labels` (n,)."""
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    informative = len(np.unique(labels)) > 1 and bool((train != train[:1]).any())
    model = LogisticRegression(max_iter=2000) if informative else DummyClassifier(strategy="most_frequent")
    predicted: np.ndarray = make_pipeline(StandardScaler(), model).fit(train, labels).predict(test)
    return predicted


def explain_unfair(truth: np.ndarray, sensitive: np.ndarray) -> str:
    """Say why there is no fairness of binary classes (m,) between groups (m,), "" where there is.

    Of one group alone all differences would be 0, as if it were fair; a rate of no rows is of nothing.
    """
    groups = np.unique(sensitive)
    if len(groups) < 2:
        return "all rows are of one group, so there is no fairness between groups"
    cells = {(group, value) for group, value in zip(sensitive.tolist(), truth.tolist(), strict=True)}
    return "a group lacks positive or negative rows, so there is no fairness" if len(cells) < 2 * len(groups) else ""


def measure_fairness(truth: np.ndarray, predicted: np.ndarray, sensitive: np.ndarray) -> dict[str, float]:
    """Return equalized odds and equality of opportunity differences of binary classes (m,) between groups (m,).

    Empty where `explain_unfair` says why.
    """
    from fairlearn.metrics import equal_opportunity_difference, equalized_odds_difference

    if explain_unfair(truth, sensitive):
        return {}
    given = {"y_true": truth, "y_pred": predicted, "sensitive_features": sensitive}
    return {
        "equalized_odds": float(equalized_odds_difference(**given)),
        "equality_of_opportunity": float(equal_opportunity_difference(**given)),
    }


def measure_attributes(
    train: tuple[np.ndarray, dict[str, np.ndarray]], test: tuple[np.ndarray, dict[str, np.ndarray]], sensitive: str
) -> Iterator[Measure]:
    """Yield accuracy [percent] of every target, and the fairness of the class.

    train, test: embeddings (n, D), and targets (n,) by name: "class", the sensitive attribute and others.
    """
    for name, truth in test[1].items():
        predicted = predict_classes(train[0], train[1][name], test[0])
        yield name, "accuracy", top1(truth, predicted)
        if name == "class":
            for metric, value in measure_fairness(truth, predicted, test[1][sensitive]).items():
                yield name, metric, value
