"""Vertical flips."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from workflow_scripts.data.augmentations.base import Switch
from workflow_scripts.support.settings import Share


@dataclass(frozen=True)
class Settings:
    """probability: of the change. Default: torchvision's."""

    probability: Share = 0.5


class VerticalFlip(Switch):
    """Mirror the image top to bottom."""

    Settings = Settings

    def change(self, images: Tensor) -> Tensor:
        """Mirror the image top to bottom."""
        return images.flip(-2)


AUGMENTATION = VerticalFlip
