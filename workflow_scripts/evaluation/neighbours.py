"""Nearest neighbours to look at: what predictions retrieve for a few queries, small enough to keep with the rows.

A query is view 0 of a test object with the true action to another of its views; the candidates are all views of
the object, as in `retrieval` (ContextSSL, Gupta et al. 2024, nearest-neighbour figure).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.actions import ViewActions, make_view_actions
from workflow_scripts.evaluation.contexts import parse_context
from workflow_scripts.evaluation.embeddings import read_array
from workflow_scripts.evaluation.retrieval import compute_cosines, count_nearer
from workflow_scripts.support.seeding import numpy_generator

QUERIES = 6
SOURCE = 0  # the view that predictions start from

Neighbour = dict[str, Any]


def draw_queries(objects: int, views: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw different objects, ascending, and a target view of each that is not view 0: both (min(QUERIES, objects),).

    The same for every run on a data set, so that methods can be set side by side; none if there is but one view.
    """
    count = min(QUERIES, objects) if views > 1 else 0
    random = numpy_generator(seed, "neighbour queries")
    chosen = np.sort(random.choice(objects, size=count, replace=False))
    return chosen, random.integers(1, max(views, 2), size=count)


def list_predictions(arrays: list[str], contexts: list[str]) -> list[tuple[str, str, int | None, str, str]]:
    """Return (representation, kind of context, length, predicted array, candidates' array) of what a run predicts.

    arrays, contexts: as in the embeddings' manifest. Of each true context there is the longest only.
    """
    found: list[tuple[str, str, int | None, str, str]] = [("rho", "", None, "rho", "g")] if "rho" in arrays else []
    longest: dict[str, int] = {}
    for kind, length in (parse_context(name) for name in contexts if f"zr.{name}" in arrays):
        longest[kind] = max(length, longest.get(kind, 0))
    return found + [("zr", kind, n, f"zr.{kind}-{n}", f"z+.{kind}-{n}") for kind, n in longest.items()]


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


def describe_action(action: list[float], actions: ViewActions) -> dict[str, float]:
    """Return an action (A,) between views in terms to read: the angle [degrees] and the changes of hue [turns].

    A circular change of hue is the shorter way round. Groups that the data set leaves out are left out.
    """
    parts = {group: action[entries] for group, entries in actions.space().groups.items()}
    values = {}
    if "rotation" in parts:
        x, y, z, w = parts["rotation"]
        # A quaternion and its negative are the same rotation: |w| gives the angle up to 180 degrees.
        values["rotation_degrees"] = 2 * math.degrees(math.atan2(math.hypot(x, y, z), abs(w)))
    if "color" in parts:
        hues = parts["color"]
        if actions.hue == "circular":
            hues = [math.atan2(sine, cosine) / math.tau for sine, cosine in zip(hues[::2], hues[1::2], strict=True)]
        values["floor_hue_turns"], values["light_hue_turns"] = hues
    return {name: round(value, 6) for name, value in values.items()}


def list_neighbours(folder: Path, manifest: dict[str, Any], dataset: dict[str, Any], seed: int) -> list[Neighbour]:
    """Return what a run's predictions retrieve in the test split, one entry for each prediction and query.

    folder: of the embeddings, of stored views. dataset: the data set's settings. `object` is the
    position in the test split; source, target and retrieved are views. Empty for a method that predicts nothing.
    """
    predictions = list_predictions(manifest["arrays"], manifest["contexts"])
    if not predictions:
        return []
    states = read_array(folder, "test", "states")
    objects, targets = draw_queries(states.shape[0], states.shape[1], seed)
    first, second = (torch.from_numpy(states[objects, views]) for views in (SOURCE, targets))
    actions = make_view_actions(dataset)
    described = [describe_action(action, actions) for action in actions.relate(first, second).tolist()]
    entries = []
    for representation, context, length, *names in predictions:
        predicted, candidates = (read_array(folder, "test", name) for name in names)
        found = find_neighbours(predicted, candidates, objects, targets)
        for query, (retrieved, cosine, rank) in enumerate(zip(*(array.tolist() for array in found), strict=True)):
            entries.append(
                {"representation": representation, "context": context, "length": length}
                | {"object": int(objects[query]), "source": SOURCE, "target": int(targets[query]), **described[query]}
                | {"retrieved": retrieved, "cosine": round(cosine, 6), "rank": rank, "candidates": states.shape[1]}
            )
    return entries
