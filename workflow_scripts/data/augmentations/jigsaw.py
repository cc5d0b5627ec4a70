"""Jigsaw: the four quarters of the image in another order."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.support.errors import UserError

ORDERS = tuple(itertools.permutations(range(4)))  # in lexicographic order: the first is the identity


class Jigsaw(Augmentation):
    """Put quarter ORDERS[value][i] of the image at place i, row by row; parameter (value,), 0 to 23.

    All orders of 2 x 2 tiles (Wang et al. 2024; after Noroozi and Favaro 2016). A side that is odd is a `UserError`.
    """

    dim, values = 1, len(ORDERS)
    side_multiple = 2  # quarters

    def __init__(self, settings: Any, side: int) -> None:
        super().__init__(settings, side)
        if side % 2:
            raise UserError(f"jigsaw cuts images into quarters, but a side is {side} pixels; choose an even resolution")

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw orders (count, 1), all alike."""
        return torch.randint(len(ORDERS), (count, 1), generator=generator, device=generator.device).float()

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Put the tiles of each image in its order."""
        half = self.side // 2
        # (B, 3, 2, half, 2, half) to (B, 2, 2, 3, half, half): tiles by row and column.
        tiles = images.unflatten(3, (2, half)).unflatten(2, (2, half)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
        order = torch.tensor(ORDERS, device=images.device)[parameters[:, 0].long()]  # (B, 4)
        moved = tiles[torch.arange(len(images), device=images.device)[:, None], order].unflatten(1, (2, 2))
        return moved.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


AUGMENTATION = Jigsaw
