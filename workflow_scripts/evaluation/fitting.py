"""How probes are fitted: M independent ones side by side, by Adam, or exactly where they are linear least squares.

All M see the same batches and start alike: the numbers of M separate trainings, at a fraction of their overhead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.adam import adam

from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.support.seeding import torch_generator

CHUNK = 8192  # inputs at a time, where all are read


class BatchedLinear(nn.Module):
    """M independent linear layers: (M, B, in) to (M, B, out), each initialised as `nn.Linear`."""

    def __init__(self, models: int, dim_in: int, dim_out: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(dim_in)
        # One draw for all: probes of different contexts start alike and differ by their inputs only.
        weight, bias = torch.rand(dim_in, dim_out, generator=generator), torch.rand(1, dim_out, generator=generator)
        self.weight = nn.Parameter(((2 * weight - 1) * bound).repeat(models, 1, 1))
        self.bias = nn.Parameter(((2 * bias - 1) * bound).repeat(models, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer m to x[m]."""
        return torch.baddbmm(self.bias, x, self.weight)


def make_probe(models: int, widths: list[int], generator: torch.Generator) -> nn.Sequential:
    """Build M multilayer perceptrons of the given widths, ReLU between layers; two widths = a linear probe."""
    layers: list[nn.Module] = []
    for dim_in, dim_out in itertools.pairwise(widths):
        layers += [BatchedLinear(models, dim_in, dim_out, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


ProbeBatch = tuple[Tensor, Tensor]  # inputs (M, B, D) and targets (B, K) float, or (B,) int64 classes


def fit_probe(
    batches: Iterator[ProbeBatch], outputs: int, settings: ProbeSettings, seed: int, purpose: str
) -> nn.Sequential:
    """Train M probes, one step a batch: mean squared error on float targets, cross-entropy on classes."""
    first = next(batches)
    inputs, target = first
    widths = [inputs.shape[-1], *settings.hidden, outputs]
    probe = make_probe(len(inputs), widths, torch_generator(seed, "probe", purpose)).to(inputs.device)
    update = FunctionalAdam(list(probe.parameters()), settings.lr)
    for inputs, target in itertools.chain([first], batches):
        predicted = probe(inputs)
        expected = target.expand(len(inputs), *target.shape)
        if target.dtype == torch.int64:
            loss = F.cross_entropy(predicted.flatten(0, 1), expected.flatten())
        else:
            loss = F.mse_loss(predicted, expected)
        # Each probe's gradient is that of its own mean loss.
        update(torch.autograd.grad(len(inputs) * loss, update.parameters))
    return probe


class FunctionalAdam:
    """torch's Adam as a function of gradients: its optimiser class imports a compiler, 2 s a job, that we never use."""

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        self.parameters, self.lr = parameters, lr
        self._means, self._squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self._steps = [torch.zeros((), device=p.device) for p in parameters]

    @torch.no_grad()
    def __call__(self, gradients: tuple[Tensor, ...]) -> None:
        """Take one step."""
        adam(
            self.parameters,  # type: ignore[arg-type]
            list(gradients),
            self._means,
            self._squares,
            max_exp_avg_sqs=[],
            state_steps=self._steps,
            fused=True,
            amsgrad=False,
            maximize=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.lr,
            weight_decay=0.0,
            eps=1e-8,
        )


@dataclass
class Moments:
    """Sums over inputs x (M, n, D) and targets y (M, n, K), in float64, that determine their least squares."""

    count: int
    x: Tensor  # (M, D)
    y: Tensor  # (M, K)
    xx: Tensor  # (M, D, D)
    xy: Tensor  # (M, D, K)

    def __add__(self, other: Moments) -> Moments:
        sums = (a + b for a, b in zip(self.tensors(), other.tensors(), strict=True))
        return Moments(self.count + other.count, *sums)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the sums."""
        return self.x, self.y, self.xx, self.xy

    @classmethod
    def of(cls, inputs: Tensor, targets: Tensor) -> Moments:
        """Sum over inputs (M, n, D) and their targets (n, K)."""
        x = inputs.double()
        y = targets.double().expand(len(x), *targets.shape)
        return cls(x.shape[1], x.sum(dim=1), y.sum(dim=1), x.mT @ x, x.mT @ y)

    @classmethod
    def of_pairs(cls, views: Tensor, targets: Tensor) -> Moments:
        """Sum over all ordered pairs of different views of an object, without forming them.

        views: (M, n, V, D); the input of a pair (i, j) is views i and j side by side, (2 D,). targets: (n, V, V, K),
        entry (i, j) of an object is that pair's.
        """
        z = views.double()
        models, n, v, _ = z.shape
        y = targets.double() * (1 - torch.eye(v, dtype=torch.float64, device=z.device))[:, :, None]
        total, flat = z.sum(dim=2), z.flatten(1, 2)  # (M, n, D), (M, n V, D)
        same = flat.mT @ flat
        across = total.mT @ total - same
        xx = torch.cat([torch.cat([(v - 1) * same, across], dim=2), torch.cat([across, (v - 1) * same], dim=2)], dim=1)
        # A view is the first of V - 1 pairs and the second of as many: each side needs the sum of their targets only.
        sides = [flat.mT @ y.sum(dim=other).flatten(0, 1).expand(models, n * v, -1) for other in (2, 1)]
        x = (v - 1) * total.sum(dim=1)
        return cls(
            n * v * (v - 1),
            torch.cat([x, x], dim=1),
            y.sum(dim=(0, 1, 2)).expand(models, -1),
            xx,
            torch.cat(sides, dim=1),
        )


def solve_probe(moments: Iterable[Moments]) -> BatchedLinear:
    """Return the M linear probes of least mean squared error on all that the moments are of.

    Directions in which the inputs hardly vary, less than 1e-10 of the most, get no weight.
    """
    parts = iter(moments)
    sums = sum(parts, start=next(parts))
    mean_x, mean_y, xx, xy = (total / sums.count for total in sums.tensors())
    covariance = xx - mean_x[:, :, None] * mean_x[:, None]
    weight = torch.linalg.pinv(covariance, hermitian=True, rtol=1e-10) @ (xy - mean_x[:, :, None] * mean_y[:, None])
    layer = BatchedLinear(len(weight), weight.shape[1], weight.shape[2], torch.Generator()).to(weight.device)
    layer.weight.data = weight.float()
    layer.bias.data = (mean_y[:, None] - mean_x[:, None] @ weight).float()
    return layer


def predict(probe: nn.Module, parts: Iterable[Tensor]) -> np.ndarray:
    """Return predictions (M, n, K) for inputs (M, n, D), given some at a time."""
    with torch.inference_mode():
        return torch.cat([probe(part).cpu() for part in parts], dim=1).numpy()
