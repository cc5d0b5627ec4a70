"""How much knowing the class helps to tell which transformation was applied: an estimate of I(A; C | X) in nats.

A is the transformation's value, C the class, X the transformed image, of which features h are read. The estimate is a
difference of two cross-entropies on images that the probe has not learnt from: that of A given h minus that of A given
h and C (Wang et al. 2024, appendix D, name the quantity; the estimate is ours). It is about what a probe can use: a
probe that cannot read an interaction of h and C misses it, and may then be below 0. The control gives the probe classes
of other images in place of the true ones: what it scores, 0 or a little less, is the price of an input of no use.

The probes learn from one half of the images and are measured on the other, then the other way round. None of them may
be images that the encoder has learnt from: their features agree with their classes as those of unseen images do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.evaluation.fitting import FunctionalAdam, make_probe
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.support.seeding import numpy_generator, torch_generator

CHUNK = 4096  # examples at a time, where all are read
VALIDATION = 5  # one in so many images to learn from is left out, and says when to stop
EVERY = 25  # steps between two looks at them
PATIENCE = 12  # looks without any improvement, after which learning stops


@dataclass(frozen=True)
class Transformed:
    """Images, each transformed R times: features (n, R, D), values (n, R) they were transformed by, and classes (n,).

    All on one device.
    """

    features: Tensor
    values: Tensor
    classes: Tensor

    def take(self, chosen: Tensor) -> Transformed:
        """Return some of the images."""
        return Transformed(self.features[chosen], self.values[chosen], self.classes[chosen])

    def standardise(self, by: Transformed) -> Transformed:
        """Return the same with features standardised over those of others."""
        mean, std = by.features.mean(dim=(0, 1)), by.features.std(dim=(0, 1), correction=0)
        return Transformed((self.features - mean) / torch.where(std > 0, std, 1), self.values, self.classes)


@dataclass(frozen=True)
class CrossEntropies:
    """Of the value [nats], on images not learnt from: given features alone, with the class, with that of others."""

    alone: float
    with_class: float
    with_shuffled: float


class _Inputs:
    """Examples as three probes read them: features, and beside them nothing, the class, or another image's class."""

    def __init__(self, images: Transformed, classes: int, *purpose: int | str) -> None:
        draws, device = images.values.shape[1], images.values.device
        self.values, self._features = images.values.flatten(), images.features.flatten(0, 1)
        order = torch.from_numpy(numpy_generator(*purpose, "shuffled classes").permutation(len(images.classes)))
        none = torch.full_like(images.classes, classes)
        given = torch.stack([none, images.classes, images.classes[order.to(device)]])
        self._given = given.repeat_interleave(draws, dim=1)
        # Scaled to the length of a feature vector: a shorter code is learnt too slowly, and learning stops before it is
        # read.
        length = math.sqrt(max(classes, self._features.shape[1]))
        self._codes = length * torch.eye(classes + 1, classes, device=device)
        self.width = self._features.shape[1] + classes

    def __len__(self) -> int:
        return len(self.values)

    def take(self, chosen: Tensor) -> Tensor:
        """Return the inputs (3, B, D + classes) of examples (B,)."""
        return torch.cat([self._features[chosen].expand(3, -1, -1), self._codes[self._given[:, chosen]]], dim=-1)


def estimate_cross_entropies(
    images: Transformed, values: int, classes: int, settings: ProbeSettings, seed: int, purpose: str
) -> CrossEntropies:
    """Fit three probes on each half of the images and measure them on the other; return the means over both halves."""
    order = torch.from_numpy(numpy_generator(seed, purpose, "halves").permutation(len(images.classes)))
    halves = order.to(images.values.device).tensor_split(2)
    total = torch.zeros(3, dtype=torch.float64)
    for learnt, measured in (halves, halves[::-1]):
        own, others = images.take(learnt), images.take(measured)
        probe = _fit(own.standardise(own), values, classes, settings, seed, purpose)
        inputs = _Inputs(others.standardise(own), classes, seed, purpose, "measured")
        total += _measure(probe, inputs) * len(measured) / len(order)
    return CrossEntropies(*total.tolist())


def _fit(
    images: Transformed, values: int, classes: int, settings: ProbeSettings, seed: int, purpose: str
) -> nn.Sequential:
    """Return three probes, learnt side by side on the same batches and from the same start: their inputs differ.

    Each is taken as it was when it predicted the images best that are left out: after that, the cross-entropy of unseen
    images grows again while a probe learns the seen ones by heart.
    """
    device, kept = images.values.device, max(1, len(images.classes) // VALIDATION)
    watched, learnt = (
        _Inputs(images.take(part), classes, seed, purpose, name)
        for name, part in (
            ("watched", torch.arange(kept, device=device)),
            ("learnt", torch.arange(kept, len(images.classes), device=device)),
        )
    )
    generator = torch_generator(seed, "probe", purpose)
    probe = make_probe(3, [learnt.width, *settings.hidden, values], generator).to(device)
    for parameter in probe[-1].parameters():
        nn.init.zeros_(parameter)  # so that a probe begins, and if nothing can be learnt ends, by guessing evenly
    update = FunctionalAdam(list(probe.parameters()), settings.lr)
    random = numpy_generator(seed, purpose, "batches")
    lowest, best = _measure(probe, watched), [parameter.detach().clone() for parameter in probe.parameters()]
    since = 0  # looks since the last improvement
    for step in range(1, settings.steps + 1):
        chosen = torch.from_numpy(random.integers(len(learnt), size=settings.batch)).to(device)
        target = learnt.values[chosen].expand(3, -1)
        loss = 3 * F.cross_entropy(probe(learnt.take(chosen)).flatten(0, 1), target.flatten())
        update(torch.autograd.grad(loss, update.parameters))
        if step % EVERY and step < settings.steps:
            continue
        now = _measure(probe, watched)
        better = now < lowest
        lowest = torch.where(better, now, lowest)
        for value, parameter in zip(best, probe.parameters(), strict=True):
            value[better] = parameter.detach()[better]
        since = 0 if bool(better.any()) else since + 1
        if since == PATIENCE:
            break
    for value, parameter in zip(best, probe.parameters(), strict=True):
        parameter.data = value
    return probe


def _measure(probe: nn.Module, inputs: _Inputs) -> Tensor:
    """Return the mean cross-entropy [nats] of each of the three probes, (3,) float64 on the CPU."""
    total = torch.zeros(3, dtype=torch.float64, device=inputs.values.device)
    with torch.inference_mode():
        for chosen in torch.arange(len(inputs), device=inputs.values.device).split(CHUNK):
            scores = probe(inputs.take(chosen)).transpose(1, 2)
            losses = F.cross_entropy(scores, inputs.values[chosen].expand(3, -1), reduction="none")
            total += losses.double().sum(dim=1)
    return (total / len(inputs)).cpu()
