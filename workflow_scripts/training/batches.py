"""Which views a training sees, step by step: a function of the seed and the step alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.views.base import Views
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

FEWEST = 2  # objects in a batch: of a single one there is no variance, and no negative


class BatchOrder:
    """Which objects form batch t: every epoch is a fresh permutation.

    keep_last: what is left of an epoch is a batch of its own, cut to a `multiple`; else it is dropped.
    """

    def __init__(self, objects: int, batch: int, seed: int, keep_last: bool = False, multiple: int = 1) -> None:
        if objects < batch:
            raise UserError(
                f"training.batch is {batch}, but there are only {objects} training objects; "
                f"lower it to {objects} or less, or use more objects"
            )
        self.objects, self.batch, self.seed = objects, batch, seed
        whole, rest = divmod(objects, batch)
        rest -= rest % multiple
        kept = rest if keep_last and rest >= FEWEST else 0
        self._seen, self.batches_per_epoch = whole * batch + kept, whole + (kept > 0)
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, step: int) -> np.ndarray:
        """Return the objects (n,) of a step; n is `batch`, but for a kept last one."""
        epoch, position = divmod(step, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order = numpy_generator(self.seed, "object order", epoch).permutation(self.objects)
            self._epoch = epoch
        return self._order[position * self.batch : min((position + 1) * self.batch, self._seen)]


def iterate_batches(
    views: Views, sharing: Sharing, order: BatchOrder, seed: int, steps: range, threads: int = 0
) -> Generator[Batch, None, None]:
    """Yield the batch of each step, the same for any number of threads. sharing: what its views share.

    threads: that prepare the next ones meanwhile, so that a GPU need not wait; one batch more than there are threads is
    held. 0: each is made when it is asked for. An error of a thread is raised at its step. Whoever stops early closes
    the iterator.
    """

    def prepare(objects: np.ndarray, step: int) -> Batch:
        return views.sample(objects, sharing, seed, "pairs", step)

    if not threads:
        for step in steps:
            yield prepare(order[step], step)
        return
    waiting: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(threads, "batches")
    try:
        for step in steps:
            waiting.append(pool.submit(prepare, order[step], step))  # which objects: decided here, by one thread
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
