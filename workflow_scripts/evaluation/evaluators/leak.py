"""The leak of JPEG in the data themselves: how well its traces alone tell a quarter turn, or a flip.

A control beside every number about such transformations (ours), see `evaluation.jpeg_leak`. It is a property of the
data: measured once a data set, on the control whose features are constant.

Level 0 of the condition is the images as stored. Levels 8 and 3 are crops of them of one size, one block less on each
side: from pixel 8 on, on the grid of JPEG, and from pixel 3 on, off it. Their difference is JPEG's part. A quarter turn
is told better on the grid. A flip is told better off it: whole blocks have a symmetric grid, crops that cut through
blocks have not. (On the grid some of a flip is told by the image's border, which that crop has on one side only.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from workflow_scripts.data.augmentations.hflip import HorizontalFlip
from workflow_scripts.data.augmentations.rotation import QuarterTurns
from workflow_scripts.data.augmentations.vflip import VerticalFlip
from workflow_scripts.data.transformations import TransformationSpace
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.images import collect_images
from workflow_scripts.evaluation.jpeg_leak import (
    BLOCK,
    SMALLEST,
    Statistic,
    compare_directions,
    compare_sides,
    compare_top_and_bottom,
    measure_statistic,
    tell_apart,
)
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count, GroupNames, Unique

CONDITION = "grid shift"  # of rows; level: by how many pixels
SHIFTS = (0, 3, BLOCK)  # as stored; and of one size, off the grid and on it
STATISTICS: dict[type, Statistic] = {
    QuarterTurns: compare_directions,
    HorizontalFlip: compare_sides,
    VerticalFlip: compare_top_and_bottom,
}


@dataclass(frozen=True)
class Settings:
    """objects: at most so many images of each split are looked at. groups: to measure, null = all that can be."""

    objects: Count = 5000
    groups: Annotated[list[str] | None, GroupNames(), Unique()] = None


class Leak(Evaluator):
    """Accuracy [percent] of telling an image from itself after a quarter turn, or a flip; guessing scores 50."""

    Settings = Settings
    conditions = (CONDITION,)

    def skip(self, run: EvaluatedRun) -> str:
        """Needs the constant control, transformations whose traces are known, and images of some blocks."""
        if not isinstance(run.space, TransformationSpace):
            return "the data have no transformations that methods apply"
        if not run.is_constant("h"):
            return "it is a property of the data, measured on the control whose features are constant"
        if "test" not in run.splits:
            return "the test split is not evaluated"
        if not (found := self._list_statistics(run)):
            return "the data have neither quarter turns nor flips"
        side = min(run.space.transformations[group].side for group in found)
        return "" if side >= SMALLEST else f"images of {side} pixels have too few blocks of JPEG; it needs {SMALLEST}"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the accuracy of each transformation at each shift; n counts images."""
        train, test = (
            collect_images(run, split, self.settings.objects, run.seed, "leak")[0].numpy()
            for split in ("train", "test")
        )
        for group, statistic in self._list_statistics(run).items():
            for shift in SHIFTS:
                value = tell_apart(*(measure_statistic(statistic, images, shift) for images in (train, test)))
                where = {"representation": "pixels", "condition": CONDITION, "level": shift, "split": "test"}
                yield {**where, "task": group, "metric": "leak_accuracy", "value": value, "n": len(test)}

    def _list_statistics(self, run: EvaluatedRun) -> dict[str, Statistic]:
        """Return by group the statistic that tells its transformation."""
        assert isinstance(run.space, TransformationSpace)
        chosen = self.settings.groups
        return {
            group: STATISTICS[type(transformation)]
            for group, transformation in run.space.transformations.items()
            if type(transformation) in STATISTICS and (chosen is None or group in chosen)
        }


EVALUATOR = Leak
