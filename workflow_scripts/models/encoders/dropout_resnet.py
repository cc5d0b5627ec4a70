"""A ResNet-18 with dropout in its blocks, the plain half of a pair (Wang, Hu et al. 2024, tables 2 and 4).

Its other half, of as many parameters, is the `p4_resnet`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.encoders.widths import count_features
from workflow_scripts.models.residual import Standardisation, make_stages, make_stem
from workflow_scripts.support.settings import Depth, Partial, Width, Widths


@dataclass(frozen=True)
class Settings:
    """widths: of each stage. blocks: of each stage. dropout: share of values after each block's first convolution.

    standardise: of images in [0, 1]; null for none. pool_stem: 2x2 max-pooling after the first convolution (ours; the
    paper has none), which makes everything after it four times cheaper. readout: "mean" over the places of the last
    feature map, or "spatial" (ours): that map flattened, after a linear map of each place's values, so that there are
    as many features as the p4_resnet has. project: number of features of the readout "spatial".
    """

    widths: Widths = field(default_factory=lambda: [64, 128, 256, 512])
    blocks: Depth = 2
    dropout: Partial = 0.2
    standardise: Standardisation | None = field(default_factory=Standardisation)
    pool_stem: bool = False
    readout: Literal["mean", "spatial"] = "mean"
    project: Width = 4096


def make_convolution(width_in: int, width: int, size: int, halve: bool) -> nn.Module:
    """Build a convolution that keeps sides, or halves them by a stride; its weight starts as N(0, 2 / fan in)."""
    # One of a single pixel reads every other pixel either way. Its own stride writes beyond its memory in the backward
    # pass of torch 2.14 on a CPU, channels last, where the channels are few (4 to 8: the process crashes).
    apart = halve and size == 1
    made = nn.Conv2d(width_in, width, size, stride=2 if halve and not apart else 1, padding=size // 2, bias=False)
    nn.init.normal_(made.weight, std=(2 / made.weight[0].numel()) ** 0.5)
    return nn.Sequential(nn.MaxPool2d(1, stride=2), made) if apart else made


class DropoutResNet(Encoder):
    """Stem (3x3, stride 1), stages of residual blocks, readout."""

    Settings = Settings
    memory = 2300

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        widths = settings.widths
        self.stem = make_stem(settings, make_convolution(3, widths[0], 3, False), nn.BatchNorm2d(widths[0]))
        self.stages = make_stages(widths, settings.blocks, settings.dropout, make_convolution, nn.BatchNorm2d)
        self.dim, self.readout = count_features("dropout_resnet", vars(settings), inputs), settings.readout
        if settings.readout == "spatial":
            self.project = self._make_projection(settings, inputs)

    def _make_projection(self, settings: Any, inputs: int) -> nn.Module:
        """Build the linear map of the values of each place."""
        with torch.no_grad():
            places = self.stages.eval()(self.stem.eval()(torch.zeros(1, 3, inputs, inputs)))[0, 0].numel()
        self.train()
        return nn.Conv2d(settings.widths[-1], settings.project // places, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) in [0, 1] to features (B, dim)."""
        maps: Tensor = self.stages(self.stem(inputs))
        return maps.mean(dim=(2, 3)) if self.readout == "mean" else self.project(maps).flatten(1)


ENCODER = DropoutResNet
