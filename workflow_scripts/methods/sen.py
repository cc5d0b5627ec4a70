"""SEN (Park et al. 2022), contrastive: predictions under the action attract, there is no invariant loss."""

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
    """projector: output widths of its layers. temperature: of the softmax.

    Defaults: the baselines of SIE (Garrido et al. 2023) and ContextSSL (Gupta et al. 2024).
    """

    projector: Annotated[Widths, WidthOf("view")] = field(default_factory=lambda: [2048, 2048, 2048])
    temperature: Positive = 0.1


class SEN(PredictorMethod):
    """InfoNCE(rho(g(h), a), g(h+))."""

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.projector = make_projector(encoder.dim, settings.projector)
        self.predictor = LinearPredictor(settings.projector[-1], self.action_dim)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the equivariant loss of a batch."""
        first, second = self.encode(batch)
        predicted = self.predict(self.project(first), batch.action())
        return Loss({"equivariant": info_nce(predicted, self.project(second), self.settings.temperature)})

    def project(self, features: Tensor) -> Tensor:
        """Return the embedding g(h)."""
        embedding: Tensor = self.projector(features)
        return embedding


METHOD = SEN
