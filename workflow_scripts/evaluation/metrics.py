"""Metrics of predictions. R2 comes in two definitions, and both are reported."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-6  # of the largest number of a target: a column that varies by no more is constant but for rounding


def find_varying(target: np.ndarray) -> np.ndarray:
    """Return which columns (d,) of targets (n, d) vary. Of one that does not there is nothing to explain, and no R2."""
    spread = target.max(axis=0).astype(np.float64) - target.min(axis=0)
    varies: np.ndarray = spread > ROUNDING * np.abs(target).max()
    return varies


def r2_per_component(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Mean over output dimensions of 1 - SS_res / SS_tot, each with its own mean. A constant scores 0 at best.

    target, predicted: (n, d). Over the columns that vary; None where none does. Written out, because importing
    scikit-learn, which has an R2 of constant columns as well, takes longer than a small evaluation.
    """
    varies = find_varying(target)
    if not varies.any():
        return None
    residual = np.square(target - predicted).sum(axis=0, dtype=np.float64)
    total = np.square(target - target.mean(axis=0, dtype=np.float64)).sum(axis=0, dtype=np.float64)
    return float((1 - residual[varies] / total[varies]).mean())


def r2_pooled(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Return 1 - SS_res / SS_tot over all entries, with one scalar mean: that of the code of Gupta et al. 2024.

    Because the dimensions' means differ, the best constant already scores above 0 on quaternions
    (.229 for relative rotations at +-pi/2): read it beside the constant predictor's row. None where no column varies.
    """
    if not find_varying(target).any():
        return None
    residual = np.square(target - predicted).sum(dtype=np.float64)
    total = np.square(target - target.mean(dtype=np.float64)).sum(dtype=np.float64)
    return float(1 - residual / total)


def top1(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of correct classes, in percent."""
    return float(100 * np.mean(target == predicted))
