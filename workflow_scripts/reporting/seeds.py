"""Values by seed: their mean and spread, and whether two sets of them differ by more than it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workflow_scripts.reporting.numbers import format_mean, format_number

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05  # of the one-sided t test over seeds, on either side
NOISE = 1e-12  # a relative spread that is of rounding


def summarise(values: pd.Series) -> tuple[float, float | None]:
    """Return the mean over seeds and the standard deviation, None of one seed. values: not empty."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, None
    std = float(values.std(ddof=1))
    return mean, std if std > NOISE * abs(mean) else 0.0


def compare(values: pd.Series, others: pd.Series) -> int:
    """Return 1 where values are above others, -1 where they are below, 0 where that is too close to tell.

    Both are by seed and not empty, and compared seed by seed: with two or more common seeds by a t test on each side
    at `LEVEL`, else by their means alone.
    """
    differences = (values - others).dropna()
    if len(differences) < 2:
        difference = float(differences.mean()) if len(differences) else float(values.mean() - others.mean())
        return (difference > 0) - (difference < 0)
    mean, std = summarise(differences)
    bound = t_bound(std or 0.0, len(differences))
    return 0 if abs(mean) < bound or mean == 0 else 1 if mean > 0 else -1


def t_bound(std: float, seeds: int) -> float:
    """Return how far a mean over seeds must be ahead for a one-sided t test at `LEVEL`. std: standard deviation."""
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, 1 - LEVEL) * std / seeds**0.5)


def show(values: pd.Series, digits: int) -> str:
    """Write "mean ± standard deviation" with the decimals that the spread supports, at most `digits`.

    Values that are the same with every seed have no spread.
    """
    mean, std = summarise(values)
    return format_mean(mean, std or None, digits)


def show_range(means: Sequence[float], digits: int) -> str:
    """Write numbers as "lowest to highest", or as one where they read the same."""
    low, high = (format_number(value, digits) for value in (min(means), max(means)))
    return low if low == high else f"{low} to {high}"


def join(parts: Sequence[str]) -> str:
    """Write a list in words: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
