"""Augmentations with known parameters, for whole batches on the training device.

Each augmentation draws one parameter vector an image and applies it: the same pixels as
torchvision's functional ones, without a loop over images. Crop and blur are linear and separable, so
each is two small matrices an image; color jitter works pixel by pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601), rounded as in torchvision


class Augmentation(Protocol):
    """A family of image transformations with a parameter vector; its group in the action."""

    dim: int

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw parameters (count, dim)."""

    def identity(self, count: int) -> Tensor:
        """Return the parameters (count, dim) that change nothing."""

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Transform float images (B, 3, H, W) in [0, 1] by parameters (B, dim)."""


def _apply_separable(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Multiply every channel by `rows` (B, H', H) from the left and `columns` (B, W', W)^T from the right.

    The channels are laid side by side, so that either side is one large product an image, not three small ones.
    """
    channels = images.shape[1]
    wide = torch.bmm(images.flatten(1, 2), columns.transpose(1, 2)).unflatten(1, (channels, -1))
    return torch.bmm(rows, wide.transpose(1, 2).flatten(2)).unflatten(2, (channels, -1)).transpose(1, 2)


@dataclass(frozen=True)
class ResizedCrop:
    """Crop a random box and resize it to the full image; parameters (top, left, height, width) / side.

    scale: range of the box's area, as a share of the image's; ratio: range of its aspect ratio. Boxes
    are drawn as torchvision's RandomResizedCrop draws them, with the same ten tries.
    """

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    side: int = 32
    dim = 4
    _TRIES = 10

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw boxes (count, 4) on the pixel grid, as shares of the side."""
        shape = (count, self._TRIES)
        device = generator.device
        uniform = torch.rand(4, *shape, generator=generator, device=device)
        area = self.side**2 * (self.scale[0] + uniform[0] * (self.scale[1] - self.scale[0]))
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
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
        return _apply_separable(images, self._resize(top, height), self._resize(left, width))

    def _resize(self, start: Tensor, length: Tensor) -> Tensor:
        """Return interpolation matrices (B, side, side) from the pixels start..start+length-1."""
        pixels = torch.arange(self.side, device=start.device, dtype=start.dtype)
        position = (pixels + 0.5) * length[:, None] / self.side - 0.5
        position = position.clamp(min=0).minimum(length[:, None] - 1) + start[:, None]
        return (1 - (position[:, :, None] - pixels).abs()).clamp(min=0)


@dataclass(frozen=True)
class GaussianBlur:
    """Blur by a Gaussian of `sigma` pixels, with probability `probability`; parameter (sigma,), 0 = none."""

    sigma: tuple[float, float] = (0.1, 2.0)
    probability: float = 0.5
    kernel_size: int = 5
    dim = 1

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw sigmas (count, 1) [pixels]."""
        uniform = torch.rand(2, count, 1, generator=generator, device=generator.device)
        sigma = self.sigma[0] + uniform[0] * (self.sigma[1] - self.sigma[0])
        return torch.where(uniform[1] < self.probability, sigma, torch.zeros_like(sigma))

    def identity(self, count: int) -> Tensor:
        """Return sigma 0."""
        return torch.zeros(count, 1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Blur with a truncated kernel of `kernel_size` pixels and reflected borders."""
        rows = self._kernel(parameters[:, 0], images.shape[-2])
        columns = rows if images.shape[-1] == images.shape[-2] else self._kernel(parameters[:, 0], images.shape[-1])
        return _apply_separable(images, rows, columns)

    def _kernel(self, sigma: Tensor, side: int) -> Tensor:
        """Return blur matrices (B, side, side), the reflected border folded in."""
        half = self.kernel_size // 2
        offsets = torch.arange(-half, half + 1, device=sigma.device, dtype=sigma.dtype)
        # A sigma of 0 puts all weight on the middle: exp(-x^2 / tiny) is exactly 0 away from x = 0.
        weights = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
        weights = weights / weights.sum(1, keepdim=True)
        source = torch.arange(side, device=sigma.device)[:, None] + offsets.long()  # (side, kernel)
        source = source.abs()
        source = torch.where(source >= side, 2 * (side - 1) - source, source)
        matrix = sigma.new_zeros(len(sigma), side, side)
        return matrix.scatter_add_(2, source.expand(len(sigma), -1, -1), weights[:, None].expand(-1, side, -1))


@dataclass(frozen=True)
class ColorJitter:
    """Change brightness, contrast, saturation and hue; parameters: three factors, then the hue's shift [turns].

    brightness, contrast, saturation: half widths of the uniform ranges of the factors, around 1; hue: of the shift,
    around 0. Each is defined as by torchvision's `adjust_*`, which like this clamps to [0, 1] after every factor.

    They are applied in this order. torchvision's ColorJitter draws an order for every image; then the same parameters
    would give different pixels, and the action between two views would not say all of what was done to them.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    dim = 4

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw factors and hue shifts (count, 4)."""
        half_widths = (self.brightness, self.contrast, self.saturation, self.hue)
        spread = torch.tensor(half_widths, device=generator.device)
        uniform = torch.rand(count, 4, generator=generator, device=generator.device)
        return self.identity(count).to(generator.device) + (2 * uniform - 1) * spread

    def identity(self, count: int) -> Tensor:
        """Return factors 1 and a shift of 0."""
        return torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(count, 4)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Scale the images, blend them with their mean grey level, with their grey image, and turn their hue."""
        brightness, contrast, saturation, shift = parameters[:, :, None, None, None].unbind(1)  # each (B, 1, 1, 1)
        images = (images.contiguous() * brightness).clamp(0, 1)
        images = torch.lerp(_grey(images).mean(dim=(-2, -1), keepdim=True), images, contrast).clamp(0, 1)
        images = torch.lerp(_grey(images), images, saturation).clamp(0, 1)
        return _turn_hue(images, shift[:, 0])


def _grey(images: Tensor) -> Tensor:
    """Return the grey level (B, 1, H, W) of images (B, 3, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def _turn_hue(images: Tensor, shift: Tensor) -> Tensor:
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


AUGMENTATIONS: dict[str, type] = {"crop": ResizedCrop, "blur": GaussianBlur, "color": ColorJitter}
