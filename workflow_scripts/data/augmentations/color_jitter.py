"""Color jitter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation, draw_coins
from workflow_scripts.data.augmentations.color import to_grey, turn_hue
from workflow_scripts.support.settings import Share


@dataclass(frozen=True)
class Settings:
    """brightness, contrast, saturation: half widths of the uniform ranges of the factors, around 1.

    hue: half width of the range of its shift [turns], around 0. probability: of any change at all.
    Defaults: MoCo v2's strengths (Chen et al. 2020), at every image.
    """

    brightness: Share = 0.4
    contrast: Share = 0.4
    saturation: Share = 0.4
    hue: Share = 0.1
    probability: Share = 1.0


class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue; parameters: three factors, then the hue's shift [turns].

    Each is defined as by torchvision's `adjust_*`, which like this clamps to [0, 1] after every factor. They are
    applied in this order. torchvision's ColorJitter draws an order for every image; then the same parameters would give
    different pixels, and the action between two views would not say all of what was done to them.
    """

    Settings = Settings
    dim = 4

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw factors and hue shifts (count, 4)."""
        s, device = self.settings, generator.device
        spread = torch.tensor((s.brightness, s.contrast, s.saturation, s.hue), device=device)
        uniform = torch.rand(count, 4, generator=generator, device=device)
        if s.probability < 1:
            spread = spread * draw_coins(count, s.probability, generator)
        return self.identity(count).to(device) + (2 * uniform - 1) * spread

    def identity(self, count: int) -> Tensor:
        """Return factors 1 and a shift of 0."""
        return torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(count, 4)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Scale the images, blend them with their mean grey level, with their grey image, and turn their hue."""
        brightness, contrast, saturation, shift = parameters[:, :, None, None, None].unbind(1)  # each (B, 1, 1, 1)
        images = (images.contiguous() * brightness).clamp(0, 1)
        images = torch.lerp(to_grey(images).mean(dim=(-2, -1), keepdim=True), images, contrast).clamp(0, 1)
        images = torch.lerp(to_grey(images), images, saturation).clamp(0, 1)
        return turn_hue(images, shift[:, 0])


AUGMENTATION = ColorJitter
