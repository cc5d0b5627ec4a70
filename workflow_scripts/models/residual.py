"""Residual networks made of given convolutions and norms, for small images (He et al. 2016, figure 2 left)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

import torch
from annotated_types import MaxLen, MinLen
from torch import Tensor, nn

from workflow_scripts.support.settings import Positive, Share

Means = Annotated[list[Share], MinLen(3), MaxLen(3)]
Spreads = Annotated[list[Positive], MinLen(3), MaxLen(3)]
# Of a width in, a width out, a size [pixels] and whether sides are halved: a convolution that keeps or halves them.
Convolve = Callable[[int, int, int, bool], nn.Module]


@dataclass(frozen=True)
class Standardisation:
    """mean, std: of red, green and blue, of images in [0, 1]; the first is subtracted, the second divided by."""

    mean: Means = field(default_factory=lambda: [125.3 / 255, 123.0 / 255, 113.9 / 255])
    std: Spreads = field(default_factory=lambda: [63.0 / 255, 62.1 / 255, 66.7 / 255])


class Standardiser(nn.Module):
    """Subtracts a mean and divides by a spread, channel by channel; None leaves images as they are."""

    mean: Tensor
    std: Tensor

    def __init__(self, settings: Standardisation | dict[str, list[float]] | None) -> None:
        super().__init__()
        if isinstance(settings, dict):  # as a config holds it
            settings = Standardisation(**settings)
        mean, std = ([0.0] * 3, [1.0] * 3) if settings is None else (settings.mean, settings.std)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to the same shape, channels last in memory: convolutions on a CPU are faster so."""
        return ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


def make_stem(settings: Any, convolution: nn.Module, norm: nn.Module) -> nn.Sequential:
    """Build what comes before the stages. settings: of the encoder, with `standardise` and `pool_stem`."""
    pooling = [nn.MaxPool2d(2)] if settings.pool_stem else []
    return nn.Sequential(Standardiser(settings.standardise), convolution, *pooling, norm, nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """ReLU(second(ReLU(first(x))) + shortcut(x)), with dropout before the second convolution."""

    def __init__(
        self,
        width_in: int,
        width: int,
        halve: bool,
        dropout: float,
        convolve: Convolve,
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        first = [convolve(width_in, width, 3, halve), norm(width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.residual = nn.Sequential(*first, convolve(width, width, 3, False), norm(width))
        self.shortcut: nn.Module = nn.Identity()
        if halve or width_in != width:
            self.shortcut = nn.Sequential(convolve(width_in, width, 1, halve), norm(width))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to feature maps of the own width, sides halved where the block halves them."""
        out: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return out


def make_stages(
    widths: list[int], blocks: int, dropout: float, convolve: Convolve, norm: Callable[[int], nn.Module]
) -> nn.Sequential:
    """Build as many stages as widths, of `blocks` blocks each; each stage but the first begins with halving sides."""
    layers: list[nn.Module] = []
    for width_in, width in pairwise([widths[0], *widths]):
        halve = len(layers) > 0
        layers += [ResidualBlock(width_in, width, halve, dropout, convolve, norm)]
        layers += [ResidualBlock(width, width, False, dropout, convolve, norm) for _ in range(blocks - 1)]
    return nn.Sequential(*layers)
