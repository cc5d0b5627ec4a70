"""Convolutions that are equivariant to quarter turns: the group p4 (Cohen and Welling 2016, Group equivariant CNNs).

A feature map holds four orientations of each of C maps, as one tensor (B, 4 C, H, W): channel r C + c is orientation r
of map c. A quarter turn of the image turns every map and moves each orientation on by one:
f(rot90 x) = roll(rot90(f(x)), 1), which is exact, as a square grid turns into itself.

Written here and not taken from escnn, the library for such layers: escnn 1.0.11 does not import beside numpy 2, for
which its dependency lie_learn was not built.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ORIENTATIONS = 4


def split_orientations(x: Tensor) -> Tensor:
    """Return feature maps (B, 4 C, H, W) as (B, 4, C, H, W)."""
    return x.unflatten(1, (ORIENTATIONS, -1))


class LiftingConv(nn.Module):
    """From an image (B, I, H, W) to maps of four orientations (B, 4 O, H, W), H and W kept.

    The filter of orientation r is the one there is, turned by r quarters. The weight starts as N(0, 2 / fan), where
    fan = size^2 I numbers are added up to one.
    """

    weight: nn.Parameter
    rows: Tensor
    orientations = 1  # of what it reads

    def __init__(self, width_in: int, width: int, size: int = 3) -> None:
        super().__init__()
        # Four dimensions, not five: `Module.to(memory_format=channels_last)` refuses parameters with five.
        self.weight = nn.Parameter(torch.empty(width, self.orientations * width_in, size, size))
        nn.init.normal_(self.weight, std=(2 / self.weight[0].numel()) ** 0.5)
        places = torch.arange(width * size * size * self.orientations).view(width, size, size, self.orientations)
        turned = [torch.rot90(places.roll(r, dims=3), r, dims=(1, 2)) for r in range(ORIENTATIONS)]
        self.register_buffer("rows", torch.cat(turned).flatten(), persistent=False)

    def expand(self) -> Tensor:
        """Return the filters of all orientations, (4 O, orientations x I, size, size)."""
        out, channels, size, _ = self.weight.shape
        # Channels last, a turn and a shift of orientations only reorder rows of I numbers: one copy makes all four.
        rows = self.weight.permute(0, 2, 3, 1).reshape(-1, channels // self.orientations)
        turned = rows.index_select(0, self.rows)
        return turned.view(ORIENTATIONS * out, size, size, channels).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, orientations x I, H, W) to (B, 4 O, H, W)."""
        return F.conv2d(x, self.expand(), padding=self.weight.shape[-1] // 2)


class GroupConv(LiftingConv):
    """From maps of four orientations (B, 4 I, H, W) to others, (B, 4 O, H, W); fan = 4 size^2 I.

    The filter of orientation r reads orientation s by the part s - r of the one there is, turned by r quarters.
    """

    orientations = ORIENTATIONS


class OrientationNorm(nn.BatchNorm2d):
    """BatchNorm of maps (B, 4 C, H, W) whose statistics and parameters the four orientations of a map share."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (B, 4 C, H, W) to the same shape."""
        count, channels, height, width = input.shape
        # Orientations as a part of the width: channels last, that is a view.
        last = input.permute(0, 2, 3, 1)
        apart = last.reshape(count, height, width * ORIENTATIONS, self.num_features).permute(0, 3, 1, 2)
        normed = super().forward(apart).permute(0, 2, 3, 1)
        return normed.reshape(count, height, width, channels).permute(0, 3, 1, 2)
