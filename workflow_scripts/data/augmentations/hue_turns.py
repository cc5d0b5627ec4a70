"""Quarter turns of the hue circle."""

from __future__ import annotations

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.data.augmentations.color import turn_hue


class HueTurns(Augmentation):
    """Turn the hue by a multiple of 90 degrees; parameter (0, 1, 2 or 3,) quarter turns. Ours.

    Brightness and saturation as HSV has them stay; grey pixels stay as they are.
    """

    dim, values = 1, 4

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw numbers of quarter turns (count, 1), all four alike."""
        return torch.randint(4, (count, 1), generator=generator, device=generator.device).float()

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Turn the hue of each image; those that are not turned keep every bit."""
        turned = images.clone()
        chosen = parameters[:, 0] != 0
        turned[chosen] = turn_hue(images[chosen], parameters[chosen, 0, None, None] / 4)
        return turned


AUGMENTATION = HueTurns
