"""Retrieval: does the prediction for an action find the view that the action leads to?

Of every view of every object, by the prediction from view 0 (Gupta et al. 2024, section 4; Garrido et al.
2023, section 4). Features that are all the same stand for their own predictions: what they score is chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.retrieval import retrieve
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray, Prediction
from workflow_scripts.rows import Row


class Retrieval(Evaluator):
    """MRR, Hit@1 and Hit@5 of all that a method predicts."""

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a method that predicts, and views to choose from."""
        if run.views < 2:
            return "an object has one view, so there is nothing to choose from"
        return "" if _list_predictions(run) else "the method predicts no embeddings of views that an action leads to"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the metrics of each prediction."""
        for prediction in _list_predictions(run):
            for split in run.splits:
                predicted, candidates = (
                    run.read(split, name) for name in (prediction.place.array, prediction.candidates)
                )
                queries = predicted.shape[0] * predicted.shape[1]
                for metric, value in retrieve(predicted, candidates).items():
                    found = {"task": "retrieval", "metric": metric, "value": value, "n": queries}
                    yield {**prediction.place.columns(split), **found}


def _list_predictions(run: EvaluatedRun) -> list[Prediction]:
    """Return what the method predicts, and constant features as predictions of themselves: all candidates are tied."""
    chance = [Prediction(MeasuredArray("h", "h"), "h")] if run.is_constant("h") else []
    return [*run.predictions(), *chance]


EVALUATOR = Retrieval
