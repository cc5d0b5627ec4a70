"""SimCLR+ (Gupta et al. 2024): SimCLR's loss on the outputs of the context transformer, without actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.in_context import InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import info_nce


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """temperature: of the softmax."""

    temperature: float


class SimCLRPlus(InContextMethod):
    """InfoNCE of the two tokens of each pair."""

    Settings = Settings
    uses_actions = False

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the contrastive loss of a batch."""
        outputs = self.predict_blocks(torch.stack(self.encode_pairs(pairs), dim=1), pairs.action, generator)
        return {"contrastive": info_nce(outputs[:, 0], outputs[:, 1], self.settings.temperature)}


METHOD = SimCLRPlus
