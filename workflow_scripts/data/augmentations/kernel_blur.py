"""Gaussian blur by the size of its kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from workflow_scripts.data.augmentations import blur
from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import Ascending, Odd, Positive, Reach, Unique


@dataclass(frozen=True)
class Settings:
    """kernels: sizes of the kernels of values 1, 2 and 3 [pixels]. sigma: range of the standard deviation [pixels].

    Defaults: those of Wang et al. (2024), with torchvision's range of sigma. Of most sigmas in it, all kernels blur
    nearly alike, so that the values can hardly be told apart; compare `sigma_blur`.
    """

    kernels: Annotated[tuple[Odd, Odd, Odd], Ascending(), Unique(), Reach(0.5, 1)] = (5, 9, 15)
    sigma: Annotated[tuple[Positive, Positive], Ascending()] = (0.1, 2.0)


class KernelBlur(Augmentation):
    """Blur by a Gaussian cut off at one of several sizes; parameters (value, sigma): 0 = none, or the kernel's number.

    sigma [pixels] is drawn for each image, whatever its value, and is no part of the state.
    """

    Settings = Settings
    dim, hidden, values = 2, 1, 4

    def __init__(self, settings: Any, side: int) -> None:
        super().__init__(settings, side)
        self._blurs = [make_blur("kernel_blur", size, side) for size in settings.kernels]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw values, all alike, and sigmas, evenly: (count, 2)."""
        device = generator.device
        low, high = self.settings.sigma
        values = torch.randint(self.values, (count, 1), generator=generator, device=device).float()
        sigma = low + torch.rand(count, 1, generator=generator, device=device) * (high - low)
        return torch.cat([values, sigma], dim=1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Blur each image by its kernel, with reflected borders."""
        blurred = images.clone()
        for value, kernel in enumerate(self._blurs, 1):
            chosen = parameters[:, 0] == value
            blurred[chosen] = kernel.apply(images[chosen], parameters[chosen, 1:])
        return blurred


def make_blur(kind: str, size: int, side: int) -> blur.GaussianBlur:
    """Return the blur of a kernel size, for images of a side [pixels]; too large a kernel is a `UserError`."""
    if side <= size // 2:
        raise UserError(
            f"{kind} has a kernel of {size} pixels, too large to be reflected at the borders of images of {side} "
            "pixels; choose a smaller kernel or a higher resolution"
        )
    return blur.GaussianBlur(blur.Settings(kernel_size=size), side)


AUGMENTATION = KernelBlur
