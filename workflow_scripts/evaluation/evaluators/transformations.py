"""How well a linear classifier tells by which value of a transformation an image was changed: what features keep of it.

Rotation: every image in its 4 quarter turns (Xiao et al. 2021, table 1). Hue: in 4 turns of the hue circle (ours). Each
is the last thing that is done to an image: were it mirrored after a turn, two of the four labels would be coin flips.
Chance is 25 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.data.augmentations.hue_turns import HueTurns
from workflow_scripts.data.augmentations.rotation import QuarterTurns
from workflow_scripts.evaluation.changed import draw_places, encode_changed, explain_imageless
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.linear import fit_linear, rank_truth, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.others import OWN
from workflow_scripts.evaluation.readouts import list_representations, read_each
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count, NoSettings, Unique

TASKS: dict[str, type[Augmentation]] = {"rotation": QuarterTurns, "hue": HueTurns}


@dataclass(frozen=True)
class Settings:
    """tasks: the transformations. probe: as that of the classes.

    objects: at most so many training images are learnt from, null = all, as in the paper.
    """

    tasks: Annotated[tuple[Literal["rotation", "hue"], ...], Unique()] = ("rotation", "hue")
    objects: Count | None = None
    probe: LinearSettings = field(default_factory=LinearSettings)


class Transformations(Evaluator):
    """Accuracy [percent] of telling the value, from features and every readout; n counts images, each in all values."""

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs images, and the test split."""
        return explain_imageless(run)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the accuracy of each task; the images as they are, value 0 of each, are encoded once."""
        kept = {
            "train": draw_places(run, "train", OWN, self.settings.objects, run.seed, "transformations"),
            "test": None,
        }
        plain = {split: encode_changed(run, split, kept=kept[split])[0] for split in kept}
        for task in dict.fromkeys(self.settings.tasks):
            transformation = TASKS[task](NoSettings(), 0)
            found: dict[str, np.ndarray] = {}
            for split, places in kept.items():
                changes = (partial(_change, transformation, value) for value in range(1, transformation.values))
                changed = (encode_changed(run, split, change, kept=places)[0] for change in changes)
                found[split] = np.concatenate([plain[split], *changed])
            yield from self._measure(run, task, transformation.values, found)

    def _measure(self, run: EvaluatedRun, task: str, values: int, found: dict[str, np.ndarray]) -> Iterator[Row]:
        """Yield the accuracy of each representation. found: features (values n, D) of each split, value by value."""
        truth = {split: np.arange(values).repeat(len(features) // values) for split, features in found.items()}
        for name, read in read_each(run, found, list_representations(run)):
            purpose = (run.seed, "transformations", task, name)
            probe = fit_linear(read["train"], truth["train"], values, self.settings.probe, run.device, *purpose)
            value = share_within(rank_truth(probe.scores(read["test"]), truth["test"]), 1)
            where = {"representation": name, "condition": "", "level": None, "split": "test"}
            yield {**where, "task": task, "metric": "accuracy", "value": value, "n": len(found["test"]) // values}


def _change(transformation: Augmentation, value: int, images: Tensor) -> Tensor:
    """Return all images changed by one value."""
    return transformation.apply(images, images.new_full((len(images), 1), value))


EVALUATOR = Transformations
