"""Learning curves that a method kept while it trained: how it got on with its own task, and its online class probe.

The end of each curve, its best point where that is a class accuracy (choosing the epoch by test images flatters, so it
stands beside the last one), and every point by its step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.methods.watched import WatchedMethod
from workflow_scripts.rows import Row

CONDITION = "step"  # of rows of single points; level: steps of training before it
CLASS_MEASURE = "top1"  # of the online class probe; all other measures are of the method's own task


class LearningCurves(Evaluator):
    """Measures are named by the method, accuracies in percent.

    n counts the images that a number is a mean over. Of a mean over steps of training it is steps times the size of a
    batch: an epoch's last, smaller batch counts as a whole one, and an image that a step encodes twice counts once.
    """

    conditions = (CONDITION,)

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a method that keeps learning curves, and one that trained as long as to the first point."""
        if not isinstance(run.method, WatchedMethod):
            return "the method keeps no learning curve"
        if "test" not in run.splits:
            return "the test split is not evaluated"
        return "" if len(run.method.curves["step"]) else "the training was too short for a point of the learning curve"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the last value, or the best, of each measure, and every point of it."""
        assert isinstance(run.method, WatchedMethod)
        curves = {name: values.tolist() for name, values in run.method.curves.items()}
        steps = [int(step) for step in curves.pop("step")]
        for measure, values in curves.items():
            place = {"representation": "pretext", "split": "test", "task": "pretext"}
            end = {"metric": measure, "value": values[-1]}
            if measure == CLASS_MEASURE:
                # The last top1 is not yielded: evaluator `classes` measures it on the final weights.
                place |= {"representation": "logits", "task": "class"}
                end = {"metric": f"{measure}_best", "value": max(values)}
            count = _count_images(run, run.method, measure)
            yield {**place, "condition": "", "level": None, **end, "n": count}
            for step, value in zip(steps, values, strict=True):
                yield {**place, "condition": CONDITION, "level": step, "metric": measure, "value": value, "n": count}


def _count_images(run: EvaluatedRun, method: WatchedMethod, measure: str) -> int:
    """Return the n of a measure: images of an interval of training, or held-out ones."""
    settings: dict[str, Any] = run.settings
    if measure in method.averaged:
        return int(settings["settings"]["measure_every"] * settings["training"]["batch"])
    held_out, available = settings["dataset"]["views"].get("held_out"), len(run.read("test", "labels"))
    return min(held_out or available, available)


EVALUATOR = LearningCurves
