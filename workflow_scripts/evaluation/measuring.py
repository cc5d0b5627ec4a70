"""All evaluators of a run, one after another."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.storage import faster_products
from workflow_scripts.rows import Row
from workflow_scripts.support.errors import UserError


def measure(run: EvaluatedRun, evaluators: dict[str, Evaluator]) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of every evaluator, and the summary: `skipped`, reasons by evaluator, and `exhibits`.

    What an evaluator leaves out, and numbers that are not finite, stand with their reasons among those skipped. Raises
    `UserError` where every evaluator skips the run.
    """
    skipped = {name: evaluator.skip(run) for name, evaluator in evaluators.items()}
    measuring = {name: evaluator for name, evaluator in evaluators.items() if not skipped[name]}
    if not measuring:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise UserError(f"no evaluator measures this run ({reasons or 'none is named'}); name others in the config")
    with faster_products(run.device):
        rows: list[Row] = []
        left_out: dict[str, str] = {}
        for name, evaluator in measuring.items():
            rows += _keep_finite(run, name, evaluator)
            left_out[name] = "; ".join(filter(None, (evaluator.leaves_out(run), *run.take_left_out())))
        exhibits = {name: evaluator.exhibit(run) for name, evaluator in measuring.items()}
    return rows, {
        "skipped": {name: reason for name, reason in {**skipped, **left_out}.items() if reason},
        "exhibits": {name: exhibit for name, exhibit in exhibits.items() if exhibit is not None},
    }


def _keep_finite(run: EvaluatedRun, name: str, evaluator: Evaluator) -> Iterator[Row]:
    """Yield the rows of an evaluator; of one that is not finite, what it is instead is noted and printed."""
    for row in evaluator.rows(run):
        if math.isfinite(row["value"]):
            yield row
            continue
        reason = (
            f"{row['metric']} of {row['task']} on the {row['split']} split came to {row['value']}, which is no number"
        )
        run.leave_out(reason)
        print(f"warning: evaluator {name}: {reason}; it is left out", file=sys.stderr)
