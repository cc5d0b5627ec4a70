"""Quarter turns: exact on square images."""

from __future__ import annotations

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation


class QuarterTurns(Augmentation):
    """Turn the image counterclockwise by a multiple of 90 degrees; parameter (0, 1, 2 or 3,) quarter turns."""

    dim, values = 1, 4

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw numbers of quarter turns (count, 1), all four alike."""
        return torch.randint(4, (count, 1), generator=generator, device=generator.device).float()

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Turn each image."""
        turned = images.clone()
        for turns in (1, 2, 3):
            chosen = parameters[:, 0] == turns
            turned[chosen] = images[chosen].rot90(turns, dims=(-2, -1))
        return turned


AUGMENTATION = QuarterTurns
