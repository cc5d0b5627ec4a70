"""How much knowing the class helps to tell each transformation, from an encoder's features.

One encoder for all transformations, so it was trained for none of them: runs without a group. The source equates this
with what joint training on the class gains (Wang et al. 2024, appendix D); joint training does not condition on it, so
both are measured. How it is estimated: see `evaluation.information`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from workflow_scripts.data.transformations import TransformationSpace
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.images import collect_images
from workflow_scripts.evaluation.information import Transformed, estimate_cross_entropies
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.rows import Row
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.support.settings import Depth, GroupNames, Unique

CHUNK = 250  # images at a time, each as often as it is drawn


@dataclass(frozen=True)
class Settings:
    """groups: transformations to measure, null = all. objects: at most so many test images, draws: each transformed so
    many times. probe: its `solver` does not matter, it is learnt by Adam, for at most `steps`. All ours: the source
    gives no protocol.
    """

    groups: Annotated[list[str] | None, GroupNames(), Unique()] = None
    objects: Annotated[int, Ge(4)] = 5000  # two halves, in which some are left out
    draws: Depth = 4
    probe: ProbeSettings = field(default_factory=lambda: ProbeSettings(hidden=[256], steps=2000))


class Synergy(Evaluator):
    """Cross-entropies of held-out images' transformations with and without the class, and their difference [nats]."""

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs transformations, and features that are not constant nor of a method for one of them."""
        if not isinstance(run.space, TransformationSpace):
            return "the data have no transformations that methods apply"
        if run.settings["group"]:
            return "the method was trained to tell one transformation; all are told from the same features"
        if run.is_constant("h"):
            return "constant features tell no transformation"
        if "test" not in run.splits:
            return "the test split is not evaluated"
        return "" if self._list_groups(run) else "none of the transformations to measure is among the data's"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the measures of each transformation; n counts images."""
        images, labels = collect_images(run, "test", self.settings.objects, run.seed, "synergy")
        for group in self._list_groups(run):
            found = estimate_cross_entropies(
                _transform(run, group, images, labels, self.settings.draws),
                run.space.values[group],
                run.classes,
                self.settings.probe,
                run.seed,
                f"synergy {group}",
            )
            measures = {
                "information": found.alone - found.with_class,
                "information_shuffled": found.alone - found.with_shuffled,
                "cross_entropy": found.alone,
                "cross_entropy_with_class": found.with_class,
            }
            where = {"representation": "h", "condition": "", "level": None, "split": "test", "task": group}
            for metric, value in measures.items():
                yield {**where, "metric": metric, "value": value, "n": len(images)}

    def _list_groups(self, run: EvaluatedRun) -> list[str]:
        chosen = self.settings.groups
        return [group for group in run.space.groups if chosen is None or group in chosen]


def _transform(run: EvaluatedRun, group: str, images: Tensor, labels: Tensor, draws: int) -> Transformed:
    """Return the features of images (n, 3, H, W) uint8, each transformed `draws` times by a value drawn anew."""
    assert isinstance(run.space, TransformationSpace)
    parameters = run.space.draw(group, draws * len(images), torch_generator(run.seed, "synergy", group))
    features: list[Tensor] = []
    with torch.inference_mode():
        for part, own in zip(images.split(CHUNK), parameters.split(draws * CHUNK), strict=True):
            inputs = (part.to(run.device).float() / 255).repeat_interleave(draws, dim=0)
            features.append(run.method.encoder(run.space.apply(group, inputs, own)).float())
    # Copied, since probes learn from them: what is made in inference mode takes no part in gradients.
    learnt = torch.cat(features).clone().unflatten(0, (len(images), draws))
    values = parameters[:, 0].long().unflatten(0, (len(images), draws))
    return Transformed(learnt, values.to(run.device), labels.long().to(run.device))


EVALUATOR = Synergy
