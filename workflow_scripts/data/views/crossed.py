"""Crossed views: the stored views of an object are all its poses in all its colors, so that views can share one."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.rendering.crossing import are_crossed
from workflow_scripts.data.views.base import check_sharing
from workflow_scripts.data.views.stored import StoredViews
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

BOTH = {"rotation", "color"}


class CrossedViews(StoredViews):
    """Stored views, of data with the layout `rendered_crossed`, that share a pose or a color where a method asks so.

    The settings are those of stored views. Raises `UserError` for data whose views are not crossed.
    """

    sharable = 1  # who shares both is the first view again

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        if not are_crossed(packed.latents[objects]):
            raise UserError(
                f"{packed.folder} does not hold each pose of an object in each color; pack its source with the layout "
                "rendered_crossed, or set views.kind: stored"
            )
        super().__init__(packed, objects, settings, device)

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return views of each of `objects` (N,): the first at random, and others that differ from it.

        A view has the first one's pose where it shares `rotation`, its color where it shares `color`, and otherwise
        another one, of those left with equal chance. Views other than the first are drawn without regard to each other.
        Raises `UserError` for a view that is to share both: it would be the first one again.
        """
        check_sharing(sharing, self.space.groups)
        if any(groups >= BOTH for groups in sharing[1:]):
            raise UserError(
                "a view is to share rotation and color with the first, but the one stored view that does is that first "
                "itself; choose a method whose views share one of them at most"
            )
        random, count = numpy_generator(*purpose, "views"), isqrt(self.views)
        first = random.integers(count, size=(2, 1, len(objects)))  # poses and colors
        steps = random.integers(1, count, size=(2, len(sharing), len(objects)))
        steps[:, 0] = 0
        for view, groups in enumerate(sharing):
            steps[0, view] *= "rotation" not in groups
            steps[1, view] *= "color" not in groups
        pose, color = (first + steps) % count
        return self.gather(objects, pose * count + color)


VIEWS = CrossedViews
