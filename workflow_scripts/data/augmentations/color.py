"""What augmentations of color share: grey levels and hues."""

from __future__ import annotations

import torch
from torch import Tensor

GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601), rounded as in torchvision


def to_grey(images: Tensor) -> Tensor:
    """Return the grey level (B, 1, H, W) of images (B, 3, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def turn_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Add `shift` (B, 1, 1) [turns] to the HSV hue of images (B, 3, H, W); value and saturation stay.

    At hue h [sixths of a turn], a channel is value - chroma * clamp(min(k, 4 - k), 0, 1), k = (offset + h) mod 6, with
    offsets 5, 3, 1 of red, green, blue. Written with the chroma, not the saturation, it never divides by the value.
    """
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    # A grey pixel has no hue: any finite one will do, since its chroma of 0 hides it.
    divisor = chroma.clamp(min=torch.finfo(images.dtype).tiny)
    not_red = torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    hue = torch.where(value == red, (green - blue) / divisor, not_red) + 6 * shift
    steps = ((hue + offset) % 6 for offset in (5, 3, 1))
    return torch.stack([value - chroma * torch.minimum(k, 4 - k).clamp_(0, 1) for k in steps], dim=1)
