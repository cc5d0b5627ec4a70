"""SimCLR (Chen et al. 2020): two views of an object attract, all other views of the batch repel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.base import Method
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.models.projectors import make_projector


@dataclass(frozen=True)
class Settings:
    """projector: output widths of its layers. temperature: of the softmax."""

    projector: list[int]
    temperature: float


class SimCLR(Method):
    """InfoNCE(g(h), g(h+))."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(encoder, space, settings)
        self.projector = make_projector(int(encoder.dim), settings.projector)  # type: ignore[arg-type]

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the contrastive loss of a batch."""
        first, second = self.encode_pairs(pairs)
        return {"contrastive": info_nce(self.projector(first), self.projector(second), self.settings.temperature)}

    def project(self, features: Tensor) -> Tensor:
        """Return the embedding g(h)."""
        embedding: Tensor = self.projector(features)
        return embedding


METHOD = SimCLR
