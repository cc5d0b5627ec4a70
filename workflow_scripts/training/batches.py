"""Which views a training sees, step by step: a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.views.base import Views
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator


class BatchOrder:
    """Which objects form batch t: every epoch is a fresh permutation, its incomplete last batch dropped."""

    def __init__(self, objects: int, batch: int, seed: int) -> None:
        if objects < batch:
            raise UserError(
                f"training.batch is {batch}, but there are only {objects} training objects; "
                f"lower it to {objects} or less, or use more objects"
            )
        self.objects, self.batch, self.seed = objects, batch, seed
        self.batches_per_epoch = objects // batch
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, step: int) -> np.ndarray:
        """Return the objects (batch,) of a step."""
        epoch, position = divmod(step, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order = numpy_generator(self.seed, "object order", epoch).permutation(self.objects)
            self._epoch = epoch
        return self._order[position * self.batch : (position + 1) * self.batch]


def iterate_batches(
    views: Views, sharing: Sharing, batch: int, seed: int, steps: range, ahead: bool
) -> Iterator[Batch]:
    """Yield the batch of each step. sharing: what its views share. batch: objects in it.

    With `ahead` a thread prepares the next one meanwhile: a GPU need not wait.
    """
    order = BatchOrder(len(views), batch, seed)

    def prepare(step: int) -> Batch:
        return views.sample(order[step], sharing, seed, "pairs", step)

    if not ahead:
        yield from map(prepare, steps)
        return
    with ThreadPoolExecutor(1) as thread:
        waiting = [thread.submit(prepare, step) for step in steps[:1]]
        for step in steps:
            ready = waiting.pop()
            if step + 1 in steps:
                waiting.append(thread.submit(prepare, step + 1))
            yield ready.result()
