"""Grey images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from workflow_scripts.data.augmentations.base import Switch
from workflow_scripts.data.augmentations.color import to_grey
from workflow_scripts.support.settings import Share


@dataclass(frozen=True)
class Settings:
    """probability: of the change. Default: SimCLR's (Chen et al. 2020)."""

    probability: Share = 0.2


class Grayscale(Switch):
    """Replace the colors by their grey level, in three channels."""

    Settings = Settings

    def change(self, images: Tensor) -> Tensor:
        """Replace the colors by their grey level, in three channels."""
        return to_grey(images).expand_as(images)


AUGMENTATION = Grayscale
