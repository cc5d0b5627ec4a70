"""Small batches with held-out images, for tests of methods that transform images themselves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from workflow_scripts.data.transformations import HeldOut, WatchableBatch
from workflow_scripts.data.views.transformable import make_transformation_space
from workflow_scripts.methods.base import Task, make_method
from workflow_scripts.methods.watched import WatchedMethod
from workflow_scripts.models.encoders.base import Encoder

SIDE, CLASSES = 8, 5
GROUPS = {kind: {"kind": kind} for kind in ("rotation", "hflip", "kernel_blur")}
SPACE = make_transformation_space(GROUPS, SIDE)
CPU = torch.device("cpu")


class Bent(Encoder):
    """A linear layer and tanh. Each image is encoded alone, so that a slow loop over images gives the same."""

    dim = 6

    def __init__(self) -> None:
        super().__init__(None, SIDE)
        self.layer = nn.Linear(3 * SIDE**2, self.dim)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.layer(inputs.flatten(1)))


class Normed(Bent):
    """The same with BatchNorm before, as most encoders have it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(self.norm(inputs))


def make_held_out(count: int, seed: int = 1) -> HeldOut:
    """So many random images."""
    random = np.random.default_rng(seed)
    stored = random.integers(0, 256, (count, 1, SIDE, SIDE, 3), dtype=np.uint8)
    return HeldOut(
        stored,
        np.arange(count),
        random.integers(CLASSES, size=count),
        lambda images: torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255,
    )


class RandomViews:
    """What the training loop asks of views: `sample`, of random images that are given by the seed and the step."""

    labels = np.arange(64) % CLASSES

    def __init__(self, held_out: int = 11) -> None:
        self.held_out = make_held_out(held_out)

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, objects, sharing, *purpose) -> WatchableBatch:
        images = np.random.default_rng([3, *objects]).random((1, len(objects), 3, SIDE, SIDE), dtype=np.float32)
        states = torch.zeros(1, len(objects), SPACE.dim)
        return WatchableBatch(
            torch.from_numpy(images), states, torch.from_numpy(self.labels[objects]), SPACE, self.held_out
        )


def make_watched(name: str, group: str = "", encoder: type[Encoder] = Bent, **settings) -> WatchedMethod:
    """A method with a narrow head on a small encoder, ready to train; the same weights at each call."""
    torch.manual_seed(0)
    small = {"hidden": 7} if group else {}
    method = make_method(name, {**small, **settings}, encoder(), Task(SPACE, CLASSES), 0, group)
    assert isinstance(method, WatchedMethod)
    return method.train()


def make_batch(count: int = 12, seed: int = 0) -> WatchableBatch:
    """A batch of so many random images, with few held-out ones."""
    return RandomViews().sample(np.random.default_rng(seed).permutation(64)[:count], None)


def list_gradients(module: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """The gradient of a loss by each parameter of a module, zero where it does not reach."""
    named = dict(module.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(named.items(), found, strict=True)}
