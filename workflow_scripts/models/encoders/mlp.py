"""A multilayer perceptron, for rows of a table (ours; the papers' is not known)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.settings import Width, Widths


@dataclass(frozen=True)
class Settings:
    """widths: of the hidden layers. dim: number of features."""

    widths: Widths = field(default_factory=lambda: [256, 256])
    dim: Width = 64


class MultilayerPerceptron(Encoder):
    """Linear, BatchNorm and ReLU for each width, then one linear layer.

    The features are standardised by a BatchNorm without parameters.
    """

    Settings = Settings
    reads_rows = True
    memory = 600  # of a row of ten columns; of longer ones, less a value

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        layers: list[nn.Module] = []
        for width_in, width in itertools.pairwise([inputs, *settings.widths]):
            layers += [nn.Linear(width_in, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear([inputs, *settings.widths][-1], settings.dim))
        self.standardise = nn.BatchNorm1d(settings.dim, affine=False)
        self.dim = settings.dim

    def forward(self, inputs: Tensor) -> Tensor:
        """Map rows (B, F) to features (B, dim)."""
        features: Tensor = self.standardise(self.layers(inputs))
        return features


ENCODER = MultilayerPerceptron
