"""EquiMod (Devillers and Lefort 2023): an invariant and an equivariant contrastive loss, each on its own projector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.base import PredictorMethod
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.models.predictors import LinearPredictor
from workflow_scripts.models.projectors import make_projector


@dataclass(frozen=True)
class Settings:
    """projector: output widths of the layers of both projectors. temperature: of both losses."""

    projector: list[int]
    temperature: float


class EquiMod(PredictorMethod):
    """InfoNCE(g_inv(h), g_inv(h+)) + InfoNCE(rho(g_eq(h), a), g_eq(h+))."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any, group: str) -> None:
        super().__init__(encoder, space, settings, group)
        dim = int(encoder.dim)  # type: ignore[arg-type]
        self.invariant_projector = make_projector(dim, settings.projector)
        self.equivariant_projector = make_projector(dim, settings.projector)
        self.predictor = LinearPredictor(settings.projector[-1], self.action_dim)

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the invariant and the equivariant loss of a batch."""
        first, second = self.encode_pairs(pairs)
        u, v = self.invariant_projector(first), self.invariant_projector(second)
        predicted, target = self.predict(self.project(first), pairs.action), self.project(second)
        temperature = self.settings.temperature
        return {
            "invariant": info_nce(u, v, temperature),
            "equivariant": info_nce(predicted, target, temperature),
        }

    def project(self, features: Tensor) -> Tensor:
        """Return the equivariant embedding g_eq(h)."""
        embedding: Tensor = self.equivariant_projector(features)
        return embedding


METHOD = EquiMod
