"""SimCLR+ (Gupta et al. 2024): SimCLR's loss on the outputs of the context transformer, without actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss
from workflow_scripts.methods.in_context import MINIMUM_COSINE, InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.support.settings import Positive


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """temperature: of the softmax (ContextSSL's)."""

    temperature: Positive = 0.1


class SimCLRPlus(InContextMethod):
    """InfoNCE of the two tokens of each pair, its cosines clamped as ContextSSL's."""

    Settings = Settings
    uses_actions = False

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the contrastive loss of a batch."""
        outputs = self.predict_blocks(self.encode(batch).transpose(0, 1), batch.action(), generator)
        temperature = self.settings.temperature
        return Loss({"contrastive": info_nce(outputs[:, 0], outputs[:, 1], temperature, MINIMUM_COSINE)})


METHOD = SimCLRPlus
