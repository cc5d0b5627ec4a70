"""Small batches and encoders for tests of methods."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.batch import Batch
from workflow_scripts.data.latents import ViewActions
from workflow_scripts.methods.base import Task, make_method
from workflow_scripts.models.encoders.base import Encoder

ACTIONS = ViewActions(canonical_quaternions=True)
SPACE = ACTIONS.space()
TASK = Task(SPACE, 5)


class Flatten(Encoder):
    """The pixels of 2x2 images as features."""

    dim = 12

    def __init__(self):
        super().__init__(None, 2)

    def forward(self, inputs):
        return inputs.flatten(1)


@dataclass
class GivenBatch(Batch):
    """A batch of two views whose action is given, so that a test can change it apart from the states."""

    given: Tensor = field(default_factory=lambda: torch.empty(0))

    def action(self, first=0, second=1):
        assert (first, second) == (0, 1)
        return self.given


def make_batch(count, shape=(3, 2, 2), seed=0):
    random = np.random.default_rng(seed)
    states = ACTIONS.states(random.uniform(0, 1, size=(2, count, 7)))
    images = torch.from_numpy(random.normal(size=(2, count, *shape))).float()
    labels = torch.from_numpy(random.integers(5, size=count))
    return GivenBatch(images, states, labels, SPACE, ACTIONS.relate(*states))


def make_small(name, group="", **changes):
    """A method on `Flatten` with its own defaults but for `changes`."""
    return make_method(name, changes, Flatten(), TASK, seed=0, group=group)
