"""Control: the online class probe on an encoder that is never trained. What a probe learns without any pretext task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Task
from workflow_scripts.methods.watched import Interval, WatchedMethod, accuracy
from workflow_scripts.models.encoders.base import Encoder


@dataclass(frozen=True)
class Settings:
    """measure_every: steps between two points of the learning curve, an epoch of 97 in Wang et al. (2024)."""

    measure_every: Interval = 97


class RandomProbe(WatchedMethod):
    """Cross-entropy of the class. The encoder's weights stay; its BatchNorm statistics follow the data, as in the
    authors' code (Wang et al. 2024).
    """

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.encoder.requires_grad_(False)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the probe's loss. Watched: its accuracy [percent]."""
        with torch.no_grad():
            features = self.encoder(batch.views[0])
        scores = self.logits(features).float()
        self.watch(batch)
        watched = {"class accuracy": accuracy(scores, batch.labels)}
        return Loss({"class": F.cross_entropy(scores, batch.labels)}, watched)


METHOD = RandomProbe
