"""Gaussian blur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation, apply_separable
from workflow_scripts.support.settings import Ascending, Odd, Positive, Reach, Share


@dataclass(frozen=True)
class Settings:
    """sigma: range of the standard deviation [pixels]. probability: of blurring at all. kernel_size: odd [pixels].

    Defaults: MoCo v2's sigma and probability (Chen et al. 2020).
    """

    sigma: Annotated[tuple[Positive, Positive], Ascending()] = (0.1, 2.0)
    probability: Share = 0.5
    kernel_size: Annotated[Odd, Reach(0.5, 1)] = 5


class GaussianBlur(Augmentation):
    """Blur by a Gaussian; parameter (sigma,) [pixels], 0 = none."""

    Settings = Settings
    dim = 1

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw sigmas (count, 1) [pixels]."""
        uniform = torch.rand(2, count, 1, generator=generator, device=generator.device)
        low, high = self.settings.sigma
        sigma = low + uniform[0] * (high - low)
        return torch.where(uniform[1] < self.settings.probability, sigma, torch.zeros_like(sigma))

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Blur with a truncated kernel of the settings' size and reflected borders."""
        rows = self._kernel(parameters[:, 0], images.shape[-2])
        columns = rows if images.shape[-1] == images.shape[-2] else self._kernel(parameters[:, 0], images.shape[-1])
        return apply_separable(images, rows, columns)

    def _kernel(self, sigma: Tensor, side: int) -> Tensor:
        """Return blur matrices (B, side, side), the reflected border folded in."""
        half = self.settings.kernel_size // 2
        offsets = torch.arange(-half, half + 1, device=sigma.device, dtype=sigma.dtype)
        # A sigma of 0 puts all weight on the middle: exp(-x^2 / tiny) is exactly 0 away from x = 0.
        weights = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
        weights = weights / weights.sum(1, keepdim=True)
        source = torch.arange(side, device=sigma.device)[:, None] + offsets.long()  # (side, kernel)
        source = source.abs()
        source = torch.where(source >= side, 2 * (side - 1) - source, source)
        matrix = sigma.new_zeros(len(sigma), side, side)
        return matrix.scatter_add_(2, source.expand(len(sigma), -1, -1), weights[:, None].expand(-1, side, -1))


AUGMENTATION = GaussianBlur
