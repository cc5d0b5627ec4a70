"""A ResNet-18 equivariant to quarter turns: EqResNet18, half of a pair (Wang, Hu et al. 2024, tables 2 and 4).

It has as many parameters as its plain half, the `dropout_resnet`, and five times as many multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.encoders.widths import count_features
from workflow_scripts.models.p4 import GroupConv, LiftingConv, OrientationNorm, split_orientations
from workflow_scripts.models.residual import Standardisation, make_stages, make_stem
from workflow_scripts.support.settings import Depth, Partial, Widths


@dataclass(frozen=True)
class Settings:
    """widths: of each stage, each map in four orientations. blocks: of each stage.

    dropout: share of values after each block's first convolution. standardise: of images in [0, 1]; null for none.
    pool_stem: 2x2 max-pooling after the first convolution (ours; the paper has none), which makes everything after it
    four times cheaper. readout: "max" over orientations, the feature map flattened; or (ours) "mean" over places,
    orientations kept; or (ours) "invariant", the mean over places of the maximum over orientations, which a turn of the
    image does not change.
    """

    widths: Widths = field(default_factory=lambda: [32, 64, 128, 256])
    blocks: Depth = 2
    dropout: Partial = 0.2
    standardise: Standardisation | None = field(default_factory=Standardisation)
    pool_stem: bool = False
    readout: Literal["max", "mean", "invariant"] = "max"


def make_group_convolution(width_in: int, width: int, size: int, halve: bool) -> nn.Module:
    """Build a convolution that keeps sides, and where they are halved 2x2 max-pooling after it.

    A stride of 2 would read every other pixel, beginning at one corner, which is another pixel after a turn.
    """
    made = GroupConv(width_in, width, size)
    return nn.Sequential(made, nn.MaxPool2d(2)) if halve else made


class P4ResNet(Encoder):
    """Lifting convolution (3x3), stages of residual blocks of group convolutions, readout."""

    Settings = Settings
    memory = 6400

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        widths = settings.widths
        self.stem = make_stem(settings, LiftingConv(3, widths[0]), OrientationNorm(widths[0]))
        self.stages = make_stages(widths, settings.blocks, settings.dropout, make_group_convolution, OrientationNorm)
        self.readout = settings.readout
        self.dim = count_features("p4_resnet", vars(settings), inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) in [0, 1] to features (B, dim)."""
        maps: Tensor = self.stages(self.stem(inputs))
        if self.readout == "mean":
            return maps.mean(dim=(2, 3))  # orientation by orientation
        largest = split_orientations(maps).amax(dim=1)
        return largest.flatten(1) if self.readout == "max" else largest.mean(dim=(2, 3))


ENCODER = P4ResNet
