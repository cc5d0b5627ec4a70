"""Control: an encoder that is told the answers. What probes of this encoder can reach at best.

It learns the class and the action between two views from their labels, with the encoder, data and
number of steps of every other method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Method, Task
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.settings import Weight, Width


@dataclass(frozen=True)
class Settings:
    """hidden: width of the action head. action_weight: of its loss. Both are ours."""

    hidden: Width = 256
    action_weight: Weight = 5.0


class Supervised(Method):
    """Cross-entropy of the class plus mean squared error of each group's action."""

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        dim = encoder.dim
        self.class_head = nn.Linear(dim, task.classes)
        self.action_head = nn.Sequential(
            nn.Linear(2 * dim, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, task.space.dim)
        )

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the loss of the class and of every group of the action."""
        first, second = self.encode(batch)
        predicted = self.action_head(torch.cat([first, second], dim=1)).float()
        action = batch.action()
        losses = {"class": F.cross_entropy(self.class_head(first).float(), batch.labels)}
        for group, entries in self.space.groups.items():
            losses[group] = self.settings.action_weight * F.mse_loss(predicted[:, entries], action[:, entries])
        return Loss(losses)


METHOD = Supervised
