"""Control: an encoder that is told the answers. What probes of this encoder can reach at best.

It learns the class and the action between two views from their labels, with the encoder, data and
number of steps of every other method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.base import Method


@dataclass(frozen=True)
class Settings:
    """hidden: width of the action head. classes: upper bound on the number of classes. action_weight: of its loss."""

    hidden: int
    classes: int
    action_weight: float


class Supervised(Method):
    """Cross-entropy of the class plus mean squared error of each group's action."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(encoder, space, settings)
        dim = int(encoder.dim)  # type: ignore[arg-type]
        self.class_head = nn.Linear(dim, settings.classes)
        self.action_head = nn.Sequential(
            nn.Linear(2 * dim, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, space.dim)
        )

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the loss of the class and of every group of the action."""
        first, second = self.encode_pairs(pairs)
        predicted = self.action_head(torch.cat([first, second], dim=1)).float()
        losses = {"class": F.cross_entropy(self.class_head(first).float(), pairs.label)}
        for group, entries in self.space.groups.items():
            losses[group] = self.settings.action_weight * F.mse_loss(predicted[:, entries], pairs.action[:, entries])
        return losses


METHOD = Supervised
