"""Which batches a training sees: the order of objects, an epoch's last batch, and preparing ahead in threads."""

import threading
import time

import numpy as np
import pytest
import torch

from workflow_scripts.data.batch import PAIR
from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.support.errors import UserError
from workflow_scripts.training.batches import BatchOrder, iterate_batches

pytestmark = pytest.mark.unit


def list_epochs(order, epochs):
    size = order.batches_per_epoch
    return [[order[size * epoch + position].tolist() for position in range(size)] for epoch in range(epochs)]


def test_an_epoch_visits_every_object_at_most_once():
    order = BatchOrder(objects=50, batch=16, seed=3)
    assert order.batches_per_epoch == 3
    epochs = list_epochs(order, 2)
    for epoch in epochs:
        objects = [i for batch in epoch for i in batch]
        assert len(objects) == len(set(objects)) == 48
    assert epochs[0][0] != epochs[1][0]
    assert order[2].tolist() == BatchOrder(50, 16, 3)[2].tolist()


@pytest.mark.parametrize(
    ("objects", "multiple", "sizes"),
    [
        (41, 1, [16, 16, 9]),
        (41, 4, [16, 16, 8]),  # cut to whole blocks
        (41, 16, [16, 16]),  # nothing is left
        (48, 4, [16, 16, 16]),
        (33, 1, [16, 16]),  # one object is no batch
        (34, 1, [16, 16, 2]),
        (16, 8, [16]),
    ],
)
def test_what_is_left_of_an_epoch_is_a_batch_of_its_own(objects, multiple, sizes):
    order = BatchOrder(objects, 16, 5, keep_last=True, multiple=multiple)
    dropped = BatchOrder(objects, 16, 5)
    for epoch, batches in enumerate(list_epochs(order, 3)):
        assert [len(batch) for batch in batches] == sizes
        assert len({i for batch in batches for i in batch}) == sum(sizes)
        # The whole batches are those of an order that drops it.
        first = epoch * dropped.batches_per_epoch
        assert batches[: objects // 16] == [dropped[first + i].tolist() for i in range(objects // 16)]


def test_an_epoch_of_the_official_training_set():
    order = BatchOrder(41_920, 512, 0, keep_last=True, multiple=64)
    assert order.batches_per_epoch == 82
    assert [len(order[step]) for step in (80, 81, 82)] == [512, 448, 512]


def test_too_few_objects_are_named():
    with pytest.raises(UserError, match=r"training\.batch is 16, but there are only 15 training objects"):
        BatchOrder(15, 16, 0, keep_last=True)


class Counted:
    """Views whose batch is its arguments; earlier steps take longer, so that threads finish out of order."""

    def __init__(self, fail_at=None):
        self.fail_at, self.made, self.callers = fail_at, [], set()

    def sample(self, objects, sharing, seed, purpose, step):
        self.callers.add(threading.current_thread().name)
        time.sleep(0.004 if step % 3 == 0 else 0.0)
        if step == self.fail_at:
            raise OSError("the disk went away")
        self.made.append(step)
        return step, objects.tolist()


@pytest.mark.parametrize("threads", [0, 1, 2, 3])
def test_batches_come_in_order_for_any_number_of_threads(threads):
    views, steps = Counted(), range(5, 47)
    made = list(iterate_batches(views, PAIR, BatchOrder(50, 16, 1, keep_last=True), 1, steps, threads))
    order = BatchOrder(50, 16, 1, keep_last=True)
    assert made == [(step, order[step].tolist()) for step in steps]
    assert len(views.callers) <= max(threads, 1)
    assert (threading.current_thread().name in views.callers) == (threads == 0)


@pytest.mark.parametrize("steps", [range(2, 9), range(3, 4), range(0)])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_prepared_ahead_are_those_of_each_step(threads, steps, smoke_config, smoke_packed):
    dataset = get_settings(smoke_config, parse_run("contextssl", "smoke", "simclr", 0))["dataset"]
    views, order = open_views(smoke_packed, dataset, "train", torch.device("cpu")), BatchOrder(28, 8, 5, True)
    ahead, alone = (list(iterate_batches(views, PAIR, order, 5, steps, count)) for count in (threads, 0))
    assert len(ahead) == len(alone) == len(steps)
    for step, first, second in zip(steps, ahead, alone, strict=True):
        expected = views.sample(order[step], PAIR, 5, "pairs", step)
        for batch in (first, second):
            assert torch.equal(batch.views, expected.views)
            assert torch.equal(batch.states, expected.states)
            assert torch.equal(batch.labels, expected.labels)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_an_error_of_a_thread_is_raised_at_its_step(threads):
    batches = iterate_batches(Counted(fail_at=7), PAIR, BatchOrder(50, 16, 1), 1, range(100), threads)
    seen = []
    with pytest.raises(OSError, match="the disk went away"):
        seen.extend(step for step, _ in iter(lambda: next(batches), None))  # seen grows up to the error
    assert next(batches, None) is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.parametrize("threads", [1, 3])
def test_nothing_goes_on_after_an_early_stop(threads):
    views = Counted()
    batches = iterate_batches(views, PAIR, BatchOrder(50, 16, 1), 1, range(10_000), threads)
    assert [next(batches)[0] for _ in range(4)] == [0, 1, 2, 3]
    batches.close()
    made = sorted(views.made)
    assert made[:4] == [0, 1, 2, 3]
    assert len(made) <= 4 + threads  # no more than was ahead
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
    assert np.all(np.diff(made) >= 1)
