"""VICReg (Bardes et al. 2022): variance, invariance and covariance, no negatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import Tensor

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Method, Task
from workflow_scripts.methods.losses import vicreg
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.projectors import make_projector
from workflow_scripts.support.settings import Weight, WidthOf, Widths


@dataclass(frozen=True)
class Settings:
    """projector: output widths of its layers. The weights multiply the three parts of the loss.

    Defaults: the baselines of SIE (Garrido et al. 2023) and ContextSSL (Gupta et al. 2024).
    """

    projector: Annotated[Widths, WidthOf("view")] = field(default_factory=lambda: [2048, 2048, 2048])
    invariance_weight: Weight = 10.0
    variance_weight: Weight = 10.0
    covariance_weight: Weight = 1.0


class VICReg(Method):
    """10 MSE(z, z+) + 10 [var(z) + var(z+)] / 2 + cov(z) + cov(z+), with the weights of the settings."""

    Settings = Settings
    readouts = ("g",)

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.projector = make_projector(encoder.dim, settings.projector)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the three weighted parts of the loss."""
        first, second = (self.projector(h) for h in self.encode(batch))
        s = self.settings
        return Loss(vicreg(first, second, s.invariance_weight, s.variance_weight, s.covariance_weight))

    def embeddings(self, features: Tensor) -> dict[str, Tensor]:
        """Return the embedding g(h)."""
        return {"g": self.projector(features)}


METHOD = VICReg
