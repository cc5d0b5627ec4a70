"""A toy method with a momentum encoder and a queue, for tests of the hook after a step (after MoCo, He et al. 2020)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Method, Task
from workflow_scripts.models.encoders.base import Encoder

LENGTH, DIM, MOMENTUM, TEMPERATURE = 24, 8, 0.9, 0.2


class MomentumToy(Method):
    """Contrasts a query with its key, of an encoder that follows slowly, and with the keys of earlier steps."""

    queue: Tensor
    place: Tensor

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.projector = nn.Linear(encoder.dim, DIM)
        self.slow = copy.deepcopy(nn.Sequential(encoder, self.projector)).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(LENGTH, DIM), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the contrastive loss, and how often the key is found."""
        query = F.normalize(self.projector(self.encoder(batch.views[0])), dim=1)
        with torch.no_grad():
            self._keys = F.normalize(self.slow(batch.views[1]), dim=1)
        logits = torch.cat([(query * self._keys).sum(dim=1, keepdim=True), query @ self.queue.T], dim=1) / TEMPERATURE
        found = (logits.argmax(dim=1) == 0).float().mean()
        return Loss(
            {"contrastive": F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.int64))}, {"found": found}
        )

    def after_step(self) -> None:
        """Move the slow encoder, and put the keys into the queue."""
        for slow, fast in zip(
            self.slow.parameters(), nn.Sequential(self.encoder, self.projector).parameters(), strict=True
        ):
            slow.lerp_(fast, 1 - MOMENTUM)
        places = (self.place + torch.arange(len(self._keys))) % LENGTH
        self.queue[places] = self._keys
        self.place += len(self._keys)


METHOD = MomentumToy
