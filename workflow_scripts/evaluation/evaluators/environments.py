"""How well a method with a context learned each of its environments (ours): why a context has an effect, or none.

An environment shows the actions of one group. Of each: how much of its first layer the actions move; what the method's
own head reads of that group's state, with the action and without it; and whether the prediction for an action finds its
view. All under the group's own contexts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.batch import PAIR
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.metrics import r2_per_component
from workflow_scripts.evaluation.retrieval import retrieve
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.methods.base import ContextMethod
from workflow_scripts.methods.in_context import InContextMethod
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count

CONDITION = "own context"  # level: its length [tokens]
FIRST_LAYER = "first layer"
WITH_ACTION, WITHOUT = "zr", "z+"


@dataclass(frozen=True)
class Settings:
    """pairs: training pairs that the first layer is measured on. objects: at most so many training objects are read."""

    pairs: Count = 512
    objects: Count = 5000


class Environments(Evaluator):
    """Rows by group, of the first layer and under the group's own contexts of each length.

    `action_share` (and `action_share_start`, before training): the spread of what actions put into the tokens over the
    spread of what features do, each the root of the summed variances over pairs. `head_r2`: R2 per component of the
    state that the method's own head reads, of z_r with the action from view 0, and of z+ without one; `head_r2_gap`:
    how much more it is on training objects. `mrr`: of the view that an action leads to, among an object's views.
    """

    Settings = Settings
    conditions = (CONDITION,)

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a method whose tokens hold actions."""
        if not isinstance(run.method, InContextMethod) or not run.method.uses_actions:
            return "the method has no environments: it reads no actions in a context"
        return "" if run.views > 1 else "an object has one view, so there are no actions"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield what is measured of each group."""
        shares = {"action_share_start": measure_shares(run, run.start(), self.settings.pairs)}
        shares["action_share"] = measure_shares(run, run.method, self.settings.pairs)
        for split in run.splits:
            for metric, by_group in shares.items():
                where = {"representation": FIRST_LAYER, "condition": "", "level": None, "split": split}
                for group, value in by_group.items():
                    yield {**where, "task": group, "metric": metric, "value": value, "n": self.settings.pairs}
            for group in run.space.groups:
                for place in (*run.places(WITH_ACTION, [group]), *run.places(WITHOUT, [group])):
                    yield from self._measure_place(run, group, place, split)

    def _measure_place(self, run: EvaluatedRun, group: str, place: MeasuredArray, split: str) -> Iterator[Row]:
        """Yield the rows of one representation under one of a group's own contexts."""
        where: dict[str, Any] = {"representation": place.representation, "condition": CONDITION, "level": place.level}
        where |= {"split": split, "task": group}
        count = len(run.read(split, "labels"))
        if group in run.scaled_groups:
            read = read_states(run, place.array, group, split, None)
            learnt = read_states(run, place.array, group, "train", self.settings.objects)
            if read is not None and learnt is not None:
                entries = count * len(run.pair_views)
                yield {**where, "metric": "head_r2", "value": read, "n": entries}
                yield {**where, "metric": "head_r2_gap", "value": learnt - read, "n": entries}
        if place.representation == WITH_ACTION:
            candidates = place.array.replace(f"{WITH_ACTION}.", f"{WITHOUT}.", 1)
            found = retrieve(run.read(split, place.array), run.read(split, candidates))
            yield {**where, "metric": "mrr", "value": found["mrr"], "n": count * run.views}


def measure_shares(run: EvaluatedRun, method: Any, pairs: int) -> dict[str, float]:
    """Return by group the spread of what actions put into the first layer over the spread of what features do.

    Of training pairs with only that group shown. A method that was not trained has no running statistics yet, so that
    its features are standardised over these pairs, as in its first step.
    """
    views = run.train_views
    objects = np.arange(min(len(views), pairs))
    batch = views.sample(objects, PAIR, run.seed, "first layer")
    method.train(method is not run.method)
    with torch.inference_mode():
        features = method.encode(batch)[0].float()
        shares = {}
        for group in run.space.groups:
            shown = method.space.show(batch.action(), (group,))
            of_features, of_actions = method.predictor.split_read_in(features, shown)
            shares[group] = float(_spread(of_actions) / _spread(of_features))
    return shares


def _spread(values: Tensor) -> Tensor:
    """Return the root of the summed variances of values (M, W)."""
    return values.var(dim=0).sum().sqrt()


def read_states(run: EvaluatedRun, array: str, group: str, split: str, objects: int | None) -> float | None:
    """Return R2 per component of a group's state, read by the method's own head from embeddings of each view.

    objects: at most so many of the split, None = all. None: the method has no such head, or the state does not vary.
    """
    assert isinstance(run.method, ContextMethod)
    kept, entries = slice(run.pair_views.start, run.pair_views.stop), run.space.groups[group]
    values = torch.from_numpy(np.array(run.read(split, array)[:objects, kept], dtype=np.float32)).to(run.device)
    with torch.inference_mode():
        predicted = run.method.predict_states(values.flatten(0, 1))
    if predicted is None:
        return None
    truth = np.array(run.read(split, "states")[:objects, kept])
    return r2_per_component(truth.reshape(-1, truth.shape[-1])[:, entries], predicted[:, entries].cpu().numpy())


EVALUATOR = Environments
