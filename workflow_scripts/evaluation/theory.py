"""What of a class is left to learn when an action is told from its result, exactly, for X = A + lambda C.

A, the action, is uniform on 0, ..., n_a - 1; C, the class, is uniform on 0, ..., n_c - 1 and independent of it; X is
all that is seen. I(A; C | X) [nats] is how much knowing the class helps to tell the action (Wang, Hu et al. 2024,
theorem 2).
"""

from __future__ import annotations

from fractions import Fraction
from math import log

import numpy as np


def additive_information(n_a: int, n_c: int, ratio: Fraction) -> float:
    """Return I(A; C | X) [nats] of X = A + ratio C, by counting all pairs (a, c).

    Equals H(A) + H(ratio C) - H(X): given X, A says C and the reverse, but for a ratio of 0. The ratio is an exact
    fraction, so that which pairs give the same X is not a matter of rounding.
    """
    if not ratio:
        return 0.0  # X is A
    a, c = np.arange(n_a)[:, None], np.arange(n_c)[None, :]
    seen = ratio.denominator * a + ratio.numerator * c  # whole numbers, as many different ones as X has
    # All pairs are alike: H(X) = ln(n_a n_c) - E[ln of how many pairs share the pair's X].
    _, shared = np.unique(seen, return_counts=True)
    return float((shared * np.log(shared)).sum() / (n_a * n_c))


def balanced_information(n_a: int, n_c: int) -> float:
    """Return the same at a ratio of 1 by theorem 2's closed form, which holds for n_a >= n_c."""
    if n_a < n_c:
        raise ValueError(f"the closed form needs n_a >= n_c, not {n_a} and {n_c}")
    return (n_a - n_c + 1) / n_a * log(n_c) + 2 / (n_a * n_c) * sum(i * log(i) for i in range(1, n_c))


def balanced_bound(n_a: int, n_c: int) -> float:
    """Return theorem 2's lower bound of the same [nats], which is derived for n_a >= n_c >= 2; it may be negative."""
    if n_c < 2:
        raise ValueError(f"the bound needs n_c >= 2, not {n_c}")
    lost = (n_c - 1) * log(n_c) - (n_c - 1) ** 2 / n_c * log(n_c - 1) + (n_c - 2) / 2
    return log(n_c) - lost / n_a
