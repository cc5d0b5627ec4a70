"""Whether the negatives that an augmentation brings count beside a long queue (Xiao et al. 2021, section 3).

In a space that is to keep an augmentation, an image's other keys repel its query beside thousands of other images'
keys. The effect hangs on the share of the softmax that these few have: no more than that of as many keys of the queue,
and the space learns next to nothing of the augmentation (ours).
"""

from __future__ import annotations

from collections.abc import Iterator

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.methods.momentum import MomentumMethod
from workflow_scripts.rows import Row

SPLIT = "test"  # that rows are filed under, beside all others; the shares are those of training


class SameImageNegatives(Evaluator):
    """`same_image_mass`: share of the softmax of the same image's other keys, together, as a mean over recent steps of
    training. `queue_share`: of as many keys of a queue whose keys were all alike to the query, n / queue.

    n counts training images. Both are shares of 1.
    """

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a space that is to keep an augmentation."""
        if not isinstance(run.method, MomentumMethod):
            return "the method has no queue of keys"
        if not len(run.method.negative_mass):
            return "the method has no space in which keys of the same image are negatives"
        return "" if SPLIT in run.splits else f"the {SPLIT} split is not evaluated"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield both of each space that is to keep an augmentation; the task is the augmentation's group."""
        method = run.method
        assert isinstance(method, MomentumMethod)
        count, others = len(run.read("train", "labels")), len(method.spaces) - 1
        for group, mass in zip(method.spaces[1:], method.negative_mass.tolist(), strict=True):
            where = {"representation": f"z_{group}", "condition": "", "level": None, "split": SPLIT, "task": group}
            for metric, value in (("same_image_mass", mass), ("queue_share", others / method.settings.queue)):
                yield {**where, "metric": metric, "value": value, "n": count}


EVALUATOR = SameImageNegatives
