"""Metrics of predictions. R2 comes in two definitions, and both are reported."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score


def r2_per_component(target: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over output dimensions of 1 - SS_res / SS_tot, each with its own mean. A constant scores 0 at best.

    target, predicted: (n, d).
    """
    return float(r2_score(target, predicted, multioutput="uniform_average"))


def r2_pooled(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return 1 - SS_res / SS_tot over all entries, with one scalar mean: the definition of ContextSSL's authors.

    Because the dimensions' means differ, the best constant already scores above 0 on quaternions
    (.229 for relative rotations at +-pi/2): read it beside the constant predictor's row.
    """
    residual = np.square(target - predicted).sum(dtype=np.float64)
    total = np.square(target - target.mean(dtype=np.float64)).sum(dtype=np.float64)
    return float(1 - residual / total)


def top1(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of correct classes, in percent."""
    return float(100 * np.mean(target == predicted))
