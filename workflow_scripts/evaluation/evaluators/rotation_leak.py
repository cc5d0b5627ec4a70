"""The leak of JPEG that tells quarter turns, as evaluator `leak` measures it, in data whose views are augmented.

There the images are the same whether or not the views of a run are turned: a probe of features turns them itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from workflow_scripts.data.views.transformable import make_transformation_space
from workflow_scripts.evaluation.evaluators.leak import Leak
from workflow_scripts.evaluation.images import collect_images
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row

GROUPS = {"rotation": {"kind": "rotation"}}


class RotationLeak(Leak):
    """Accuracy [percent] of telling an image from itself after a quarter turn; guessing scores 50."""

    def skip(self, run: EvaluatedRun) -> str:
        """Needs augmented views, and what `Leak` needs."""
        if run.settings["dataset"]["views"]["kind"] != "augmented":
            return "the views are not augmented ones"
        if not run.is_constant("h"):  # asked before images are read, which takes a while
            return "it is a property of the data, measured on the control whose features are constant"
        return super().skip(_see_turns(run)) if "test" in run.splits else "the test split is not evaluated"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the accuracy at each shift; n counts images."""
        return super().rows(_see_turns(run))


def _see_turns(run: EvaluatedRun) -> EvaluatedRun:
    """Return the same run as if quarter turns were what methods apply to its images."""
    seen = copy.copy(run)
    side = collect_images(run, "test", 1, run.seed, "side")[0].shape[-1]
    seen.space = make_transformation_space(GROUPS, side)
    return seen


EVALUATOR = RotationLeak
