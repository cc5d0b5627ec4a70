"""Gaussian blur by its standard deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.data.augmentations.kernel_blur import make_blur
from workflow_scripts.support.settings import Ascending, Positive, Reach, Unique

REACH = 3  # standard deviations to either side; what lies beyond is 0.3 % of the weight


@dataclass(frozen=True)
class Settings:
    """sigma: the standard deviations of values 1, 2 and 3 [pixels]; value 0 is no blur.

    Ours: the variant of `kernel_blur` whose values can be told apart.
    """

    sigma: Annotated[tuple[Positive, Positive, Positive], Ascending(), Unique(), Reach(REACH)] = (0.5, 1.0, 2.0)


class SigmaBlur(Augmentation):
    """Blur by a Gaussian of one of several widths; parameter (value,): 0 = none, or the number of the sigma.

    All have one kernel, as large as the widest needs.
    """

    Settings = Settings
    dim, values = 1, 4

    def __init__(self, settings: Any, side: int) -> None:
        super().__init__(settings, side)
        self._blur = make_blur("sigma_blur", 2 * math.ceil(REACH * settings.sigma[-1]) + 1, side)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw values (count, 1), all alike."""
        return torch.randint(self.values, (count, 1), generator=generator, device=generator.device).float()

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Blur each image by its sigma, with reflected borders."""
        sigma = torch.tensor((0.0, *self.settings.sigma), device=images.device)
        return self._blur.apply(images, sigma[parameters.long()])


AUGMENTATION = SigmaBlur
