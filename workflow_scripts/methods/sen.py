"""SEN (Park et al. 2022), contrastive: predictions under the action attract, there is no invariant loss."""

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
    """projector: output widths of its layers. temperature: of the softmax."""

    projector: list[int]
    temperature: float


class SEN(PredictorMethod):
    """InfoNCE(rho(g(h), a), g(h+))."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any, group: str) -> None:
        super().__init__(encoder, space, settings, group)
        self.projector = make_projector(int(encoder.dim), settings.projector)  # type: ignore[arg-type]
        self.predictor = LinearPredictor(settings.projector[-1], self.action_dim)

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the equivariant loss of a batch."""
        first, second = self.encode_pairs(pairs)
        predicted = self.predict(self.project(first), pairs.action)
        return {"equivariant": info_nce(predicted, self.project(second), self.settings.temperature)}

    def project(self, features: Tensor) -> Tensor:
        """Return the embedding g(h)."""
        embedding: Tensor = self.projector(features)
        return embedding


METHOD = SEN
