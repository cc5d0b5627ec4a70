"""SimCLR (Chen et al. 2020): two views of an object attract, all other views of the batch repel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import Tensor

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Method, Task
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.models.projectors import make_projector
from workflow_scripts.support.settings import Positive, WidthOf, Widths


@dataclass(frozen=True)
class Settings:
    """projector: output widths of its layers. temperature: of the softmax.

    Defaults: the baselines of SIE (Garrido et al. 2023) and ContextSSL (Gupta et al. 2024).
    """

    projector: Annotated[Widths, WidthOf("view")] = field(default_factory=lambda: [2048, 2048, 2048])
    temperature: Positive = 0.1


class SimCLR(Method):
    """InfoNCE(g(h), g(h+))."""

    Settings = Settings
    readouts = ("g",)

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.projector = make_projector(encoder.dim, settings.projector)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the contrastive loss of a batch."""
        first, second = self.encode(batch)
        return Loss({"contrastive": info_nce(self.projector(first), self.projector(second), self.settings.temperature)})

    def embeddings(self, features: Tensor) -> dict[str, Tensor]:
        """Return the embedding g(h)."""
        return {"g": self.projector(features)}


METHOD = SimCLR
