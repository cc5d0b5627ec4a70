"""Top-1 on corrupted test images, by a linear classifier that was learnt from clean ones.

The corruptions are ours, for data that come without any; see `evaluation.image_corruptions`. Of data that are stored
corrupted, see `shifted`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from workflow_scripts.evaluation.changed import draw_places, encode_changed, explain_imageless
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.image_corruptions import CORRUPTIONS, STRENGTHS, make_corruption
from workflow_scripts.evaluation.linear import learn_classes, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.others import OWN
from workflow_scripts.evaluation.readouts import list_representations, rank_readouts
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count, ReadoutNames, Unique


@dataclass(frozen=True)
class Settings:
    """objects: at most so many test images, drawn evenly, null = all. readouts: to measure beside the features; those
    that a method has not are left out. probe: of the clean images' classes; where it is that of evaluator `linear`, it
    is fitted once.
    """

    objects: Count | None = None
    readouts: Annotated[tuple[str, ...], ReadoutNames(), Unique()] = ("hidden",)
    probe: LinearSettings = field(default_factory=LinearSettings)


class Corruptions(Evaluator):
    """Top-1 [percent] under each corruption and strength, and its mean over all of them."""

    Settings = Settings
    conditions = tuple(CORRUPTIONS)

    def skip(self, run: EvaluatedRun) -> str:
        """Needs images, and the test split."""
        return explain_imageless(run)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield top-1; n counts images, each of which is there once under each corruption and strength."""
        names = list_representations(run, self.settings.readouts)
        probes = {name: learn_classes(run, name, self.settings.probe) for name in names}
        found: dict[str, list[float]] = {name: [] for name in names}
        kept, count = draw_places(run, "test", OWN, self.settings.objects, run.seed, "corruptions"), 0
        for corruption, strength in ((name, strength) for name in CORRUPTIONS for strength in STRENGTHS):
            features, labels = encode_changed(run, "test", make_corruption(corruption, strength, run.seed), OWN, kept)
            count = len(labels)
            for name, ranks in rank_readouts(run, probes, features, labels).items():
                found[name].append(share_within(ranks, 1))
                where = {"representation": name, "condition": corruption, "level": strength, "split": "test"}
                yield {**where, "task": "class", "metric": "top1", "value": found[name][-1], "n": count}
        for name, values in found.items():
            where = {"representation": name, "condition": "", "level": None, "split": "test", "task": "class"}
            yield {**where, "metric": "top1_corrupted", "value": float(np.mean(values)), "n": count}


EVALUATOR = Corruptions
