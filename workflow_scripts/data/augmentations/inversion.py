"""Inverted colors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from workflow_scripts.data.augmentations.base import Switch
from workflow_scripts.support.settings import Share


@dataclass(frozen=True)
class Settings:
    """probability: of the change. Default: torchvision's."""

    probability: Share = 0.5


class Inversion(Switch):
    """Replace every value x by 1 - x."""

    Settings = Settings

    def change(self, images: Tensor) -> Tensor:
        """Replace every value x by 1 - x."""
        return 1 - images


AUGMENTATION = Inversion
