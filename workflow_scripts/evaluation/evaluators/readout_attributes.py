"""Class and attributes of the rows of a table, as evaluator `attributes` measures them, from what a method reads out.

From each of its named readouts: from each embedding space of a method that has several, for example.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workflow_scripts.evaluation.attributes import measure_attributes
from workflow_scripts.evaluation.evaluators.attributes import Attributes
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row


class ReadoutAttributes(Attributes):
    """Accuracy [percent] of every target, and the fairness of the class."""

    def skip(self, run: EvaluatedRun) -> str:
        """Needs what `Attributes` needs, and a method with readouts."""
        return super().skip(run) or ("" if run.readouts else "the method reads nothing out of its features")

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the measures of each readout and split."""
        (sensitive,) = [group for group in run.space.groups if group in run.attributes]
        names = {"class": "labels", **{name: f"attribute.{name}" for name in run.attributes}}
        targets = {
            split: {task: np.array(run.read(split, name)) for task, name in names.items()}
            for split in ("train", *run.splits)
        }
        for place in (place for readout in run.readouts for place in run.places(readout)):
            rows = {split: np.array(run.read(split, place.array)[:, 0], dtype=np.float32) for split in targets}
            for split in run.splits:
                train, test = ((rows[part], targets[part]) for part in ("train", split))
                for task, metric, value in measure_attributes(train, test, sensitive):
                    measured = {"task": task, "metric": metric, "value": value, "n": len(rows[split])}
                    yield {**place.columns(split), **measured}


EVALUATOR = ReadoutAttributes
