"""EquiMod (Devillers and Lefort 2023): an invariant and an equivariant contrastive loss, each on its own projector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import Tensor

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, PredictorMethod, Task
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.predictors import LinearPredictor
from workflow_scripts.models.projectors import make_projector
from workflow_scripts.support.settings import Positive, WidthOf, Widths


@dataclass(frozen=True)
class Settings:
    """projector: output widths of the layers of both projectors. temperature: of both losses.

    Defaults: the baselines of SIE (Garrido et al. 2023) and ContextSSL (Gupta et al. 2024).
    """

    projector: Annotated[Widths, WidthOf("view")] = field(default_factory=lambda: [2048, 2048, 2048])
    temperature: Positive = 0.1


class EquiMod(PredictorMethod):
    """InfoNCE(g_inv(h), g_inv(h+)) + InfoNCE(rho(g_eq(h), a), g_eq(h+))."""

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        dim = encoder.dim
        self.invariant_projector = make_projector(dim, settings.projector)
        self.equivariant_projector = make_projector(dim, settings.projector)
        self.predictor = LinearPredictor(settings.projector[-1], self.action_dim)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the invariant and the equivariant loss of a batch."""
        first, second = self.encode(batch)
        u, v = self.invariant_projector(first), self.invariant_projector(second)
        predicted, target = self.predict(self.project(first), batch.action()), self.project(second)
        temperature = self.settings.temperature
        return Loss({"invariant": info_nce(u, v, temperature), "equivariant": info_nce(predicted, target, temperature)})

    def project(self, features: Tensor) -> Tensor:
        """Return the equivariant embedding g_eq(h)."""
        embedding: Tensor = self.equivariant_projector(features)
        return embedding


METHOD = EquiMod
