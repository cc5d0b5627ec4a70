"""All evaluators of a run, one after another."""

from __future__ import annotations

from typing import Any

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.storage import faster_products
from workflow_scripts.rows import Row
from workflow_scripts.support.errors import UserError


def measure(run: EvaluatedRun, evaluators: dict[str, Evaluator]) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of every evaluator, and the summary: `skipped`, reasons by evaluator, and `exhibits`.

    Raises `UserError` where every evaluator skips the run.
    """
    skipped = {name: evaluator.skip(run) for name, evaluator in evaluators.items()}
    measuring = {name: evaluator for name, evaluator in evaluators.items() if not skipped[name]}
    if not measuring:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise UserError(f"no evaluator measures this run ({reasons or 'none is named'}); name others in the config")
    with faster_products(run.device):
        rows = [row for evaluator in measuring.values() for row in evaluator.rows(run)]
        exhibits = {name: evaluator.exhibit(run) for name, evaluator in measuring.items()}
    left_out = {name: evaluator.leaves_out(run) for name, evaluator in measuring.items()}
    return rows, {
        "skipped": {name: reason for name, reason in {**skipped, **left_out}.items() if reason},
        "exhibits": {name: exhibit for name, exhibit in exhibits.items() if exhibit is not None},
    }
