"""VICReg (Bardes et al. 2022): variance, invariance and covariance, no negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.base import Method
from workflow_scripts.methods.losses import vicreg
from workflow_scripts.models.projectors import make_projector


@dataclass(frozen=True)
class Settings:
    """projector: output widths of its layers. The weights multiply the three parts of the loss."""

    projector: list[int]
    invariance_weight: float
    variance_weight: float
    covariance_weight: float


class VICReg(Method):
    """10 MSE(z, z+) + 10 [var(z) + var(z+)] / 2 + cov(z) + cov(z+), with the weights of the settings."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(encoder, space, settings)
        self.projector = make_projector(int(encoder.dim), settings.projector)  # type: ignore[arg-type]

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the three weighted parts of the loss."""
        first, second = (self.projector(h) for h in self.encode_pairs(pairs))
        s = self.settings
        return vicreg(first, second, s.invariance_weight, s.variance_weight, s.covariance_weight)

    def project(self, features: Tensor) -> Tensor:
        """Return the embedding g(h)."""
        embedding: Tensor = self.projector(features)
        return embedding


METHOD = VICReg
