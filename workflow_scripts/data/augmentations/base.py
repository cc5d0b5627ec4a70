"""What an augmentation is: it draws parameters, one vector an image, and applies them to a whole batch.

The same pixels as torchvision's functional transformations, on the training device and without a loop over images. To
add one, add a module here whose `AUGMENTATION` is a subclass of `Augmentation`, and name it in a data set's views.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.settings import NoSettings


class Augmentation:
    """A family of image transformations with a parameter vector, drawn and applied by its subclass.

    dim: length of the vector. hidden: how many of its last entries are no part of a view's state. values: of a discrete
    one, whose state is a single number from 0 on, how many there are. settings: its strengths. side: of the images
    [pixels].
    """

    Settings: ClassVar[type] = NoSettings
    dim: ClassVar[int]
    hidden: ClassVar[int] = 0
    values: ClassVar[int] = 0
    side_multiple: ClassVar[int] = 1  # images' sides are multiples of it; planning reads it

    def __init__(self, settings: Any, side: int) -> None:
        self.settings, self.side = settings, side

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw parameters (count, dim)."""
        raise NotImplementedError

    def identity(self, count: int) -> Tensor:
        """Return the parameters (count, dim) that change nothing: zeros, unless a subclass says otherwise."""
        return torch.zeros(count, self.dim)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Transform float images (B, 3, H, W) in [0, 1] by parameters (B, dim)."""
        raise NotImplementedError


class Switch(Augmentation):
    """An augmentation that is applied or not; parameter (1 or 0,), 1 with the `probability` of its settings."""

    dim, values = 1, 2

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw coins (count, 1)."""
        return draw_coins(count, self.settings.probability, generator)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Change the images whose parameter is 1."""
        return torch.where(parameters[:, :, None, None] == 1, self.change(images), images)

    def change(self, images: Tensor) -> Tensor:
        """Return all images changed."""
        raise NotImplementedError


def make_augmentation(kind: str, settings: dict[str, Any], side: int) -> Augmentation:
    """Return an augmentation of a kind for images of a side [pixels]; an unknown kind is a `UserError`."""
    cls: type[Augmentation] = load_plugin("data.augmentations", kind, "AUGMENTATION")
    return cls(cls.Settings(**settings), side)


def draw_coins(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Draw ones with a probability, else zeros: (count, 1)."""
    return (torch.rand(count, 1, generator=generator, device=generator.device) < probability).float()


def apply_separable(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Multiply every channel by `rows` (B, H', H) from the left and `columns` (B, W', W)^T from the right.

    The channels are laid side by side, so that either side is one large product an image, not three small ones.
    """
    channels = images.shape[1]
    wide = torch.bmm(images.flatten(1, 2), columns.transpose(1, 2)).unflatten(1, (channels, -1))
    return torch.bmm(rows, wide.transpose(1, 2).flatten(2)).unflatten(2, (channels, -1)).transpose(1, 2)
