"""Texture: a random small filter, mixed with the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.data.augmentations.base import Augmentation, draw_coins
from workflow_scripts.support.settings import Ascending, Share

SIDE = 3  # of the filter [pixels]


@dataclass(frozen=True)
class Settings:
    """probability: of any change. strength: range of the filtered image's weight in the mixture.

    All ours: Xiao et al. 2021 name a texture augmentation, but no source at hand defines it.
    """

    probability: Share = 0.5
    strength: Annotated[tuple[Share, Share], Ascending()] = (0.5, 1.0)


class Texture(Augmentation):
    """Mix an image with what a random 3 x 3 filter makes of it, and keep mean and variance of each of its channels.

    Parameters: the weight of the filtered image, then the 9 entries of the filter, row by row, standard normal; all 0 =
    no change. The same filter is applied to all three channels, so that hues hardly change.
    """

    Settings = Settings
    dim = 1 + SIDE**2

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw weights and filters (count, 10)."""
        device = generator.device
        low, high = self.settings.strength
        weights = low + torch.rand(count, 1, generator=generator, device=device) * (high - low)
        weights = weights * draw_coins(count, self.settings.probability, generator)
        # Without a change there is no filter either: two such draws are the same.
        filters = torch.randn(count, SIDE**2, generator=generator, device=device) * (weights != 0)
        return torch.cat([weights, filters], dim=1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Filter each image with reflected borders, mix, restore mean and variance, and clamp to [0, 1]."""
        mixed = images.clone()
        chosen = parameters[:, 0] != 0
        if not bool(chosen.any()):
            return mixed
        own, weights = images[chosen], parameters[chosen, 0, None, None, None]
        filtered = _restore(_filter(own, parameters[chosen, 1:]), own)
        mixed[chosen] = _restore(torch.lerp(own, filtered, weights), own).clamp(0, 1)
        return mixed


def _filter(images: Tensor, kernels: Tensor) -> Tensor:
    """Correlate each of images (B, 3, H, W) with its own kernel (B, 9), channel by channel."""
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect").flatten(0, 1)[None]  # (1, 3 B, H + 2, W + 2)
    weight = kernels.view(-1, 1, SIDE, SIDE).repeat_interleave(images.shape[1], dim=0)
    return F.conv2d(padded, weight, groups=len(weight))[0].unflatten(0, images.shape[:2])


def _restore(images: Tensor, wanted: Tensor) -> Tensor:
    """Return images (B, 3, H, W) with the mean and the standard deviation of each channel of `wanted`."""
    (std, mean), (goal, level) = (torch.std_mean(x, dim=(-2, -1), keepdim=True, correction=0) for x in (images, wanted))
    return (images - mean) * (goal / std.clamp(min=1e-6)) + level


AUGMENTATION = Texture
