"""Metrics of predictions. R2 comes in two definitions, and both are reported."""

from __future__ import annotations

import numpy as np


def r2_per_component(target: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over output dimensions of 1 - SS_res / SS_tot, each with its own mean. A constant scores 0 at best.

    target, predicted: (n, d). As scikit-learn's r2_score, a column without any variation scores 1 where it is met
    exactly and else 0. Written out, because importing scikit-learn takes longer than a small evaluation.
    """
    residual = np.square(target - predicted).sum(axis=0, dtype=np.float64)
    total = np.square(target - target.mean(axis=0, dtype=np.float64)).sum(axis=0, dtype=np.float64)
    varies = total > 0
    scores = np.where(varies, 1 - residual / np.where(varies, total, 1), residual == 0)
    return float(scores.mean())


def r2_pooled(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return 1 - SS_res / SS_tot over all entries, with one scalar mean: that of the code of Gupta et al. 2024.

    Because the dimensions' means differ, the best constant already scores above 0 on quaternions
    (.229 for relative rotations at +-pi/2): read it beside the constant predictor's row.
    """
    residual = np.square(target - predicted).sum(dtype=np.float64)
    total = np.square(target - target.mean(dtype=np.float64)).sum(dtype=np.float64)
    return float(1 - residual / total)


def top1(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of correct classes, in percent."""
    return float(100 * np.mean(target == predicted))
