"""VICReg+ (Gupta et al. 2024): VICReg's loss on the outputs of the context transformer, without actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss
from workflow_scripts.methods.in_context import InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import vicreg
from workflow_scripts.support.settings import Weight


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """The weights multiply the three parts of the loss (VICReg's baseline in SIE, Garrido et al. 2023)."""

    invariance_weight: Weight = 10.0
    variance_weight: Weight = 10.0
    covariance_weight: Weight = 1.0


class VICRegPlus(InContextMethod):
    """VICReg's loss of the two tokens of each pair."""

    Settings = Settings
    uses_actions = False

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the three weighted parts of the loss."""
        outputs = self.predict_blocks(self.encode(batch).transpose(0, 1), batch.action(), generator)
        s = self.settings
        parts = vicreg(outputs[:, 0], outputs[:, 1], s.invariance_weight, s.variance_weight, s.covariance_weight)
        return Loss(parts)


METHOD = VICRegPlus
