"""Random crops of the image's own size, out of the image with a border around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.support.settings import Reach, Whole


@dataclass(frozen=True)
class Settings:
    """padding: width of the black border [pixels].

    Default: none, as in the code of Wang et al. (2024): a "random crop" of the size of the image, which changes
    nothing. 4 is what others mean by it (He et al. 2016, section 4.2).
    """

    padding: Annotated[Whole, Reach()] = 0


class Crop(Augmentation):
    """Shift the image, black where it came from outside; parameters (down, right) [pixels], of the window.

    The same as torchvision's RandomCrop of the image's own size.
    """

    Settings = Settings
    dim = 2

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw shifts of the window (count, 2), whole pixels from -padding to padding."""
        padding: int = self.settings.padding
        shifts = torch.randint(-padding, padding + 1, (count, 2), generator=generator, device=generator.device)
        return shifts.float()

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Cut the window out of each image with its border."""
        padding: int = self.settings.padding
        if not padding:
            return images
        padded = F.pad(images, (padding,) * 4)
        pixels = torch.arange(padding, padding + self.side, device=images.device)
        rows, columns = (parameters.long().T[:, :, None] + pixels).unbind(0)  # each (B, side)
        one = torch.arange(len(images), device=images.device)[:, None, None]
        return padded[one, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


AUGMENTATION = Crop
