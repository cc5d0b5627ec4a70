"""VICReg+ (Gupta et al. 2024): VICReg's loss on the outputs of the context transformer, without actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.in_context import InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import vicreg


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """The weights multiply the three parts of the loss."""

    invariance_weight: float
    variance_weight: float
    covariance_weight: float


class VICRegPlus(InContextMethod):
    """VICReg's loss of the two tokens of each pair."""

    Settings = Settings
    uses_actions = False

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the three weighted parts of the loss."""
        outputs = self.predict_blocks(torch.stack(self.encode_pairs(pairs), dim=1), pairs.action, generator)
        s = self.settings
        return vicreg(outputs[:, 0], outputs[:, 1], s.invariance_weight, s.variance_weight, s.covariance_weight)


METHOD = VICRegPlus
