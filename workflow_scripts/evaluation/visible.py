"""How much of an action two images show together: a network that sees both at once, trained for nothing else.

Every encoder here reads one image at a time, so what this network finds bounds what any of them could be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.batch import PAIR, Batch
from workflow_scripts.data.views.base import Views
from workflow_scripts.support.seeding import derive_seed, numpy_generator
from workflow_scripts.support.settings import Count, Positive, Width
from workflow_scripts.training.optimisation import learning_rate, make_optimizer

STRIDES = (2, 1, 2, 1, 2)  # of the convolutions


@dataclass(frozen=True)
class Settings:
    """channels: of the first convolution, half of those of the others. hidden: width of the layer before the actions.

    steps, batch, lr: of AdamW at a cosine rate. tests: pairs that are drawn of every object of an evaluated split.
    """

    channels: Width = 32
    hidden: Width = 256
    steps: Count = 1500
    batch: Count = 128
    lr: Positive = 3e-3
    tests: Count = 4


class PairNetwork(nn.Module):
    """Convolutions on two images stacked as channels, then two linear layers. Outputs are in units of `scale` (A,)."""

    scale: Tensor

    def __init__(self, settings: Settings, side: int, scale: Tensor) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 6
        for number, stride in enumerate(STRIDES):
            count = settings.channels * (2 if number else 1)
            layers += [nn.Conv2d(previous, count, 3, stride, 1), nn.BatchNorm2d(count), nn.ReLU(inplace=True)]
            previous, side = count, -(-side // stride)
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.read = nn.Sequential(
            nn.Linear(previous * side * side, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, len(scale))
        )
        self.register_buffer("scale", scale)

    def forward(self, batch: Batch) -> Tensor:
        """Return the actions (N, A) from the first of two views (2, N, 3, H, W) to the second, in units of `scale`."""
        actions: Tensor = self.read(self.features(torch.cat([batch.views[0], batch.views[1]], dim=1)))
        return actions


def fit_pairs(train: Views, settings: Settings, seed: int) -> PairNetwork:
    """Train a network on pairs of views, on their device, until its rate is 0."""
    size = min(settings.batch, len(train))
    schedule = {"kind": "cosine", "warmup_steps": settings.steps // 10, "floor": 0.0}
    optimizer = {"kind": "adamw", "betas": (0.9, 0.999), "weight_decay": 1e-2}
    training: dict[str, Any] = {"steps": settings.steps, "lr": settings.lr, "schedule": schedule}
    first = _take_pairs(train, size, seed, 0)
    scale = first.action().std(dim=0).clamp(min=1e-6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "pair network"))
        network = PairNetwork(settings, first.views.shape[-1], scale.cpu()).to(scale.device)
    update = make_optimizer(network, {**training, "optimizer": optimizer}, scale.device)
    for step in range(settings.steps):
        batch = _take_pairs(train, size, seed, step)
        for group in update.param_groups:
            group["lr"] = learning_rate(step, training)
        loss = F.mse_loss(network(batch), batch.action() / network.scale)
        update.zero_grad(set_to_none=True)
        loss.backward()
        update.step()
    return network.eval()


def _take_pairs(views: Views, size: int, seed: int, step: int) -> Batch:
    """Return pairs of different objects."""
    objects = numpy_generator(seed, "visible objects", step).choice(len(views), size, replace=False)
    return views.sample(objects, PAIR, seed, "visible pairs", step)


def predict_pairs(network: PairNetwork, views: Views, settings: Settings, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true and the predicted actions (tests n, A) of pairs of every object."""
    truth, predicted = [], []
    with torch.no_grad():
        for number in range(settings.tests):
            for objects in np.array_split(np.arange(len(views)), -(-len(views) // 1024)):
                batch = views.sample(objects, PAIR, seed, "visible test pairs", number, int(objects[0]))
                truth.append(batch.action().cpu().numpy())
                predicted.append((network(batch) * network.scale).cpu().numpy())
    return np.concatenate(truth), np.concatenate(predicted)
