"""Random crops, resized to the full image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation, apply_separable
from workflow_scripts.support.settings import Ascending, Positive, Share


@dataclass(frozen=True)
class Settings:
    """scale: range of the box's area, as a share of the image's. ratio: range of its width over its height.

    Defaults: MoCo v2's scale (Chen et al. 2020) and torchvision's ratio.
    """

    scale: Annotated[tuple[Share, Share], Ascending()] = (0.2, 1.0)
    ratio: Annotated[tuple[Positive, Positive], Ascending()] = (3 / 4, 4 / 3)


class ResizedCrop(Augmentation):
    """Crop a random box and resize it to the full image; parameters (top, left, height, width) / side.

    Boxes are drawn as torchvision's RandomResizedCrop draws them, with the same ten tries.
    """

    Settings = Settings
    dim = 4
    _TRIES = 10

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw boxes (count, 4) on the pixel grid, as shares of the side."""
        scale, ratio_range = self.settings.scale, self.settings.ratio
        shape = (count, self._TRIES)
        device = generator.device
        uniform = torch.rand(4, *shape, generator=generator, device=device)
        area = self.side**2 * (scale[0] + uniform[0] * (scale[1] - scale[0]))
        low, high = math.log(ratio_range[0]), math.log(ratio_range[1])
        ratio = torch.exp(low + uniform[1] * (high - low))
        width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (width <= self.side) & (height <= self.side) & (width > 0) & (height > 0)
        first = fits.float().argmax(dim=1, keepdim=True)  # the first try that fits
        whole = ~fits.any(dim=1)  # none fits: take the whole image (it is square)
        height, width, row, column = (t.gather(1, first)[:, 0] for t in (height, width, uniform[2], uniform[3]))
        height, width = height.masked_fill(whole, self.side), width.masked_fill(whole, self.side)
        top = (row * (self.side - height + 1)).floor()
        left = (column * (self.side - width + 1)).floor()
        return torch.stack([top, left, height, width], dim=1) / self.side

    def identity(self, count: int) -> Tensor:
        """Return the box of the whole image."""
        return torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(count, 4)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Crop and resize bilinearly (no antialiasing: boxes are never larger than the output)."""
        top, left, height, width = (parameters * self.side).unbind(1)
        return apply_separable(images, self._resize(top, height), self._resize(left, width))

    def _resize(self, start: Tensor, length: Tensor) -> Tensor:
        """Return interpolation matrices (B, side, side) from the pixels start..start+length-1."""
        pixels = torch.arange(self.side, device=start.device, dtype=start.dtype)
        position = (pixels + 0.5) * length[:, None] / self.side - 0.5
        position = position.clamp(min=0).minimum(length[:, None] - 1) + start[:, None]
        return (1 - (position[:, :, None] - pixels).abs()).clamp(min=0)


AUGMENTATION = ResizedCrop
