"""I(A; C | X) of X = A + lambda C, exactly, and theorem 2's lower bound of it (Wang, Hu et al. 2024).

No data enter, and no encoder: the numbers stand beside the control whose features are constant, once a data set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any

from annotated_types import Ge, Le, MaxLen, MinLen

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.theory import additive_information, balanced_bound
from workflow_scripts.rows import Row
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import Pattern, Unique

Size = Annotated[list[Annotated[int, Ge(2)]], MinLen(2), MaxLen(2)]
SIZES = [[2, 10], [4, 10], [10, 10], [24, 10], [100, 10], [1000, 10], [4, 100], [100, 100]]
LARGEST = 9_999  # number in a fraction
Lambda = Annotated[int, Ge(-LARGEST), Le(LARGEST)] | Annotated[str, Pattern("^-?[0-9]{1,4}(/[1-9][0-9]{0,3})?$")]


@dataclass(frozen=True)
class Settings:
    """sizes: numbers of actions and of classes, [n_a, n_c] each. lambdas: whole numbers, or fractions as "1/2" (ours).

    2, 4, 24 are the numbers of values of flips, rotations and jigsaws, 10 and 100 those of common classes (ours).
    """

    sizes: Annotated[list[Size], Unique()] = field(default_factory=lambda: [list(size) for size in SIZES])
    lambdas: Annotated[list[Lambda], Unique()] = field(default_factory=lambda: [0, "1/2", 1, 2, 3])


class AdditiveModel(Evaluator):
    """Rows whose level is the number of actions. The bound is derived for no fewer actions than classes."""

    Settings = Settings

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.ratios = list(dict.fromkeys(_read_ratio(value) for value in settings.lambdas))
        self.conditions = tuple(f"lambda {ratio}" for ratio in (*self.ratios, 1))  # type: ignore[misc]

    def skip(self, run: EvaluatedRun) -> str:
        """Needs the control: one run, not each, is to hold numbers that depend on none."""
        return "" if run.is_constant("h") else "its numbers depend on no encoder, and stand beside the constant one"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the information [nats] at each lambda, and its lower bound [nats] at lambda = 1."""
        for n_a, n_c in dict.fromkeys((n_a, n_c) for n_a, n_c in self.settings.sizes):
            values = {("information", ratio): additive_information(n_a, n_c, ratio) for ratio in self.ratios}
            values["lower_bound", Fraction(1)] = balanced_bound(n_a, n_c)
            for (metric, ratio), value in values.items():
                where = {"representation": "exact", "condition": f"lambda {ratio}", "level": n_a}
                task = f"additive model, {n_c} classes"
                for split in run.splits:
                    found = {"task": task, "metric": metric, "value": value, "n": n_a * n_c}
                    yield {**where, "split": split, **found}


def _read_ratio(value: int | str) -> Fraction:
    """Return a lambda as an exact fraction."""
    try:
        ratio = Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise UserError(f"evaluator additive_model: lambdas: {value!r} is no fraction; write 2 or 1/2") from None
    if max(abs(ratio.numerator), ratio.denominator) > LARGEST:
        raise UserError(f"evaluator additive_model: lambdas: {value!r} is out of range; use numbers up to {LARGEST}")
    return ratio


EVALUATOR = AdditiveModel
