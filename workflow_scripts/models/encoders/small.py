"""A small convolutional network, for small images on a CPU (ours; in no paper)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.settings import Width, Widths


@dataclass(frozen=True)
class Settings:
    """channels: of each convolution. dim: number of features."""

    channels: Widths = field(default_factory=lambda: [16, 32, 32, 64])
    dim: Width = 128


class SmallConvNet(Encoder):
    """Strided convolutions and one linear layer.

    The feature map is flattened, not pooled: position carries the pose. The features are
    standardised by a BatchNorm without parameters, which keeps the context predictor's inputs at
    unit scale.
    """

    Settings = Settings
    memory = 24

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        layers: list[nn.Module] = []
        previous, side = 3, inputs
        for count in settings.channels:
            layers += [nn.Conv2d(previous, count, 3, stride=2, padding=1), nn.BatchNorm2d(count), nn.ReLU(inplace=True)]
            previous, side = count, (side + 1) // 2
        self.convolutions = nn.Sequential(*layers)
        self.project = nn.Linear(previous * side * side, settings.dim)
        self.standardise = nn.BatchNorm1d(settings.dim, affine=False)
        self.dim = settings.dim

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, dim)."""
        features: Tensor = self.standardise(self.project(self.convolutions(inputs).flatten(1)))
        return features


ENCODER = SmallConvNet
