"""Class and attributes of the rows of a table: how well each is read, and how fairly the class is.

From features, and from embeddings under every context; see `evaluation.attributes`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workflow_scripts.evaluation.attributes import explain_unfair, measure_attributes
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row


class Attributes(Evaluator):
    """Accuracy [percent] of every target, and the fairness of the class."""

    def skip(self, run: EvaluatedRun) -> str:
        """Needs attributes, of which one is sensitive."""
        if not run.attributes:
            return "the data have no attributes"
        return "" if len(_list_sensitive(run)) == 1 else "it needs one group that is an attribute"

    def leaves_out(self, run: EvaluatedRun) -> str:
        """The fairness of a split without rows of each class in each of several groups."""
        if len(_list_sensitive(run)) != 1:
            return ""
        (sensitive,) = _list_sensitive(run)
        targets = {split: _read_targets(run, split) for split in run.splits}
        reasons = {split: explain_unfair(found["class"], found[sensitive]) for split, found in targets.items()}
        return "; ".join(f"{reason} on the {split} split" for split, reason in reasons.items() if reason)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the measures of each place and split."""
        (sensitive,) = _list_sensitive(run)
        targets = {split: _read_targets(run, split) for split in ("train", *run.splits)}
        for place in (*run.places("h"), *run.places("z+")):
            rows = {split: np.array(run.read(split, place.array)[:, 0], dtype=np.float32) for split in targets}
            for split in run.splits:
                train, test = ((rows[part], targets[part]) for part in ("train", split))
                for task, metric, value in measure_attributes(train, test, sensitive):
                    yield {
                        **place.columns(split),
                        "task": task,
                        "metric": metric,
                        "value": value,
                        "n": len(rows[split]),
                    }


def _list_sensitive(run: EvaluatedRun) -> list[str]:
    """Return the attributes that are groups: those whose change a method may be told."""
    return [group for group in run.space.groups if group in run.attributes]


def _read_targets(run: EvaluatedRun, split: str) -> dict[str, np.ndarray]:
    """Return the class and the attributes (n,) of the rows of a split."""
    names = {"class": "labels", **{name: f"attribute.{name}" for name in run.attributes}}
    return {task: np.array(run.read(split, name)) for task, name in names.items()}


EVALUATOR = Attributes
