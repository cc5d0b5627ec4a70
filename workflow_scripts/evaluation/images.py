"""Stored images of a run's own data, as they are: for what is measured of the images, or of changed ones."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.methods.base import Method
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import NoSettings


class _BlindEncoder(Encoder):
    """Returns zeros: only the images are wanted."""

    dim = 1

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to zeros (B, 1)."""
        return inputs.new_zeros(len(inputs), 1)


class _Collector:
    """Keeps `most` of the images that it is shown, drawn evenly, in their order; no more are in memory at a time."""

    def __init__(self, most: int, *purpose: int | str) -> None:
        self._most, self._random = most, numpy_generator(*purpose)
        self._images = torch.empty(0, dtype=torch.uint8)
        self._ranks = self.places = np.empty(0)
        self._seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        """Look at images (B, 3, H, W) in [0, 1], and return them unchanged."""
        new = np.arange(self._seen, self._seen + len(images))
        self._seen += len(images)
        ranks = np.concatenate([self._ranks, self._random.random(len(new))])
        kept = np.sort(np.argsort(ranks, kind="stable")[: self._most])
        before = len(self.places)
        old, fresh = torch.from_numpy(kept[kept < before]), torch.from_numpy(kept[kept >= before] - before)
        shown = (255 * images[fresh.to(images.device)]).round().to("cpu", torch.uint8)
        self._images = torch.cat([self._images[old], shown]) if before else shown
        self._ranks, self.places = ranks[kept], np.concatenate([self.places, new])[kept].astype(int)
        return images

    @property
    def images(self) -> Tensor:
        """The images, (n, 3, H, W) uint8."""
        return self._images.contiguous()


def collect_images(run: EvaluatedRun, split: str, most: int, *purpose: int | str) -> tuple[Tensor, Tensor]:
    """Return `most` stored images (n, 3, H, W) uint8, or all there are, and labels (n,), drawn for `purpose`.

    split: "train" or "test". They are taken from `EvaluatedRun.features`, which lets an evaluator change images before
    they are encoded: there they are in [0, 1], whatever the run's views do to them afterwards. A way of its own to the
    images would be a change of `EvaluatedRun`, after which every evaluation ever made would have to be made again.
    """
    collector = _Collector(most, *purpose, split)
    blind = copy.copy(run)
    blind.method = Method(_BlindEncoder(None, 0), run.method.task, NoSettings())
    _, labels = blind.features("", split, collector)
    return collector.images, torch.from_numpy(labels[collector.places])
