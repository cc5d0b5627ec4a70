"""Pretext prediction with the loss of CARE (Gupta et al. 2023): a transformation of images should turn their features.

Wang et al. (2024) compare the two in their Table 3 and give no recipe. The sum that is minimised here is ours: of the
formula of CARE, and of a comment in their configuration, which has its weight and the number of chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods import pretext
from workflow_scripts.methods.base import Loss
from workflow_scripts.methods.losses import in_float32
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import Count, Divides, Weight
from workflow_scripts.support.transfer import to_device


@dataclass(frozen=True)
class Settings(pretext.Settings):
    """Those of `pretext`, and: care_weight, of CARE's loss. chunks: parts of a batch, in each of which all images get
    the same two transformations. Defaults: a comment in the authors' code.
    """

    care_weight: Weight = 0.001
    chunks: Annotated[Count, Divides("training.batch", "all chunks are of one size, of two images or more", 2)] = 8


class CARE(pretext.PretextPrediction):
    """The losses of `pretext` on two transformations of every image, plus CARE's. A step encodes twice the images."""

    Settings = Settings
    passes: ClassVar[int] = 2

    @property
    def multiple(self) -> int:
        """Of the chunks, which are of one size, twice as many: an image alone has none that it is compared with."""
        return 2 * int(self.settings.chunks)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the losses of the value, the class and of CARE, "equivariance". Watched: accuracies [percent]."""
        images, chunks = batch.views[0], self.settings.chunks
        if len(images) % chunks or len(images) < 2 * chunks:
            raise UserError(
                f"a batch of {len(images)} images does not divide into {chunks} chunks of one size, each of two images "
                "or more; choose other chunks or another training.batch"
            )
        drawn = self.draw_pairs(generator).repeat_interleave(len(images) // chunks, dim=1)
        parameters = to_device(drawn.flatten(0, 1), images.device)
        features = self.encoder(self.space.apply(self.group, torch.cat([images, images]), parameters))
        compared = self.compare(batch, features, parameters[:, 0].long(), batch.labels.repeat(2))
        first, second = features.chunk(2)
        equivariance = self.settings.care_weight * equivariance_loss(first, second, chunks)
        return Loss({**compared.minimised, "equivariance": equivariance}, compared.watched)

    def draw_pairs(self, generator: torch.Generator) -> Tensor:
        """Draw two transformations (2, chunks, P) for each chunk. Their values differ: two equal ones teach nothing."""
        first, second = (self.draw(self.settings.chunks, generator) for _ in range(2))
        while (same := first[:, 0] == second[:, 0]).any():
            second[same] = self.draw(int(same.sum()), generator)
        return torch.stack([first, second])


def equivariance_loss(first: Tensor, second: Tensor, chunks: int) -> Tensor:
    """Return CARE's loss of the features (N, D) of images under a and under b, which images of a chunk share.

    With z the features at length 1: the mean over chunks and images i of 2 sum_{j != i} (z_i^a . z_j^a - z_i^b .
    z_j^b)^2, over the j of the chunk. 0 if and only if each chunk's features under b are those under a, turned or
    mirrored.
    """
    a, b = (F.normalize(z.float(), dim=1).unflatten(0, (chunks, -1)) for z in (first, second))
    with in_float32(a):
        changes = a @ a.transpose(1, 2) - b @ b.transpose(1, 2)
    return 2 * changes.square().sum(dim=2).mean()  # i = j adds nothing: both lengths are 1


METHOD = CARE
