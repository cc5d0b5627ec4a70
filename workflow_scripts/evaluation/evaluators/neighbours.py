"""Nearest neighbours to look at: what predictions retrieve for a few queries, small enough to keep with the rows.

A query is view 0 of a test object with the true action to another of its views; the candidates are all views of
the object, as in `retrieval` (Gupta et al. 2024, nearest-neighbour figure).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.retrieval import compute_cosines, count_nearer
from workflow_scripts.evaluation.run import EvaluatedRun, Prediction
from workflow_scripts.support.seeding import numpy_generator

QUERIES = 6
SOURCE = 0  # the view that predictions start from
SPLIT = "test"  # that queries are of


def draw_queries(objects: int, views: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw different objects, ascending, and a target view of each that is not view 0: both (min(QUERIES, objects),).

    The same for every run on a data set, so that methods can be set side by side; none if there is but one view.
    """
    count = min(QUERIES, objects) if views > 1 else 0
    random = numpy_generator(seed, "neighbour queries")
    chosen = np.sort(random.choice(objects, size=count, replace=False))
    return chosen, random.integers(1, max(views, 2), size=count)


def choose_predictions(predictions: list[Prediction]) -> list[Prediction]:
    """Return, of what a method predicts under each kind of context, that of the longest context."""
    longest: dict[tuple[str, str], Prediction] = {}
    for prediction in predictions:
        key = (prediction.place.representation, prediction.context)
        if key not in longest or prediction.length > longest[key].length:
            longest[key] = prediction
    return list(longest.values())


def find_neighbours(
    predicted: np.ndarray, candidates: np.ndarray, objects: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, of Q queries, the retrieved view, its cosine, and the rank of the target: each (Q,).

    predicted, candidates: (n, V, O). objects, targets: (Q,). Of views that are equally near the first is retrieved;
    the rank is its expectation over their order, so that it can be a half.
    """
    cosines = compute_cosines(predicted[objects], candidates[objects])
    above, tied = count_nearer(cosines)
    queries = np.arange(len(objects))
    own = cosines[queries, targets]
    ranks = above[queries, targets] + (tied[queries, targets] + 1) / 2
    return own.argmax(axis=1), own.max(axis=1), ranks


def explain_action(action: list[float], space: ActionSpace, hue: str) -> dict[str, float]:
    """Return an action (A,) between views in terms to read: the angle [degrees] and the changes of hue [turns].

    hue: how actions hold it, "linear" or "circular"; a circular change is the shorter way round. Groups that the data
    set leaves out are left out.
    """
    parts = {group: action[entries] for group, entries in space.groups.items()}
    values = {}
    if "rotation" in parts:
        x, y, z, w = parts["rotation"]
        # A quaternion and its negative are the same rotation: |w| gives the angle up to 180 degrees.
        values["rotation_degrees"] = 2 * math.degrees(math.atan2(math.hypot(x, y, z), abs(w)))
    if "color" in parts:
        hues = parts["color"]
        if hue == "circular":
            hues = [math.atan2(sine, cosine) / math.tau for sine, cosine in zip(hues[::2], hues[1::2], strict=True)]
        values["floor_hue_turns"], values["light_hue_turns"] = hues
    return {name: round(value, 6) for name, value in values.items()}


class RetrievedNeighbours(Evaluator):
    """What predictions retrieve for a few queries of the test split: something to see, nothing measured.

    `object` is the position in the test split; source, target and retrieved are views.
    """

    def skip(self, run: EvaluatedRun) -> str:
        """Needs views that can be shown again, and a method that predicts."""
        if run.settings["dataset"]["views"]["kind"] != "stored":
            return "views are made anew, so there is no image of them to show"
        if SPLIT not in run.splits:
            return f"the {SPLIT} split is not evaluated"
        if run.views < 2:
            return "an object has one view, so there is nothing to choose from"
        return "" if run.predictions() else "the method predicts no embeddings of views that an action leads to"

    def exhibit(self, run: EvaluatedRun) -> list[dict[str, Any]]:
        """Return one entry for each prediction and query."""
        states = run.read(SPLIT, "states")
        objects, targets = draw_queries(states.shape[0], states.shape[1], run.seed)
        first, second = (torch.from_numpy(states[objects, views]) for views in (SOURCE, targets))
        hue = run.settings["dataset"]["views"]["hue"]
        explained = [explain_action(action, run.space, hue) for action in run.space.relate(first, second).tolist()]
        entries = []
        for prediction in choose_predictions(run.predictions()):
            place = prediction.place
            predicted, candidates = (run.read(SPLIT, name) for name in (place.array, prediction.candidates))
            found = find_neighbours(predicted, candidates, objects, targets)
            for query, (retrieved, cosine, rank) in enumerate(zip(*(array.tolist() for array in found), strict=True)):
                entries.append(
                    {"representation": place.representation, "condition": place.condition, "level": place.level}
                    | {"object": int(objects[query]), "source": SOURCE, "target": int(targets[query])}
                    | {**explained[query], "retrieved": retrieved, "cosine": round(cosine, 6)}
                    | {"rank": rank, "candidates": states.shape[1]}
                )
        return entries


EVALUATOR = RetrievedNeighbours
