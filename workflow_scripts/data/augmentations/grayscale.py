"""Grey images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation, draw_coins
from workflow_scripts.data.augmentations.color import to_grey
from workflow_scripts.support.settings import Share


@dataclass(frozen=True)
class Settings:
    """probability: of the change. Default: SimCLR's (Chen et al. 2020)."""

    probability: Share = 0.2


class Grayscale(Augmentation):
    """Replace the colors by their grey level, in three channels; parameter (1 or 0,)."""

    Settings = Settings
    dim, values = 1, 2

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw coins (count, 1)."""
        return draw_coins(count, self.settings.probability, generator)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Replace the colors by their grey level, in three channels, where the parameter is 1."""
        return torch.where(parameters[:, :, None, None] == 1, to_grey(images).expand_as(images), images)


AUGMENTATION = Grayscale
