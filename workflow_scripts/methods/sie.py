"""SIE (Garrido et al. 2023): one half of the features is made invariant, the other equivariant, without negatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, PredictorMethod, Task
from workflow_scripts.methods.losses import covariance_penalty, variance_hinge
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.predictors import HyperPredictor
from workflow_scripts.models.projectors import make_projector
from workflow_scripts.support.settings import Weight, WidthOf, Widths


@dataclass(frozen=True)
class Settings:
    """projector: output widths of the layers of both projectors. The weights multiply the parts of the loss.

    equivariance_weight: 4.5 is what SIE's own runs amount to (its code multiplies a flag of .45 by 10).
    Defaults: SIE's code (Garrido et al. 2023).
    """

    projector: Annotated[Widths, WidthOf("view")] = field(default_factory=lambda: [1024, 1024, 1024])
    invariance_weight: Weight = 10.0
    equivariance_weight: Weight = 4.5
    variance_weight: Weight = 10.0
    covariance_weight: Weight = 1.0


class SIE(PredictorMethod):
    """VICReg on both halves, with rho(z_eq, a) in place of z_eq in the equivariant half (SIE, section 3)."""

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.boundary = encoder.dim // 2
        self.invariant_projector = make_projector(self.boundary, settings.projector)
        self.equivariant_projector = make_projector(encoder.dim - self.boundary, settings.projector)
        self.predictor = HyperPredictor(settings.projector[-1], self.action_dim)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the weighted parts of the loss: 10 MSE(z_inv, z_inv+) + 4.5 MSE(rho(z_eq, a), z_eq+) + ..."""
        features = self.encode(batch)
        invariant = [self.invariant_projector(h[:, : self.boundary]).float() for h in features]
        equivariant = [self.project(h).float() for h in features]
        predicted = self.predict(equivariant[0], batch.action())
        whole = [torch.cat(halves, dim=1) for halves in zip(invariant, equivariant, strict=True)]
        hinges = variance_hinge(whole[0]) + variance_hinge(whole[1]) + variance_hinge(predicted)
        s = self.settings
        parts = {
            "invariance": s.invariance_weight * F.mse_loss(*invariant),
            "equivariance": s.equivariance_weight * F.mse_loss(predicted, equivariant[1]),
            "variance": s.variance_weight * hinges / 2,
            "covariance": s.covariance_weight * (covariance_penalty(whole[0]) + covariance_penalty(whole[1])),
        }
        return Loss(parts)

    def project(self, features: Tensor) -> Tensor:
        """Return the equivariant embedding z_eq."""
        embedding: Tensor = self.equivariant_projector(features[:, self.boundary :])
        return embedding


METHOD = SIE
