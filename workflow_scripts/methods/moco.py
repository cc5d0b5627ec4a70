"""MoCo v2 (Chen, Fan et al. 2020): a query attracts its key, all keys of a queue repel it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import torch

from workflow_scripts.data.batch import INDEPENDENT, Batch, Sharing
from workflow_scripts.methods.base import Loss
from workflow_scripts.methods.momentum import MomentumMethod, MomentumSettings, find_positive
from workflow_scripts.support.settings import GroupNames, Shared, Unique


@dataclass(frozen=True)
class Settings(MomentumSettings):
    """shared: groups of which query and key have the same draw (Xiao et al. 2021, table 1, find that it does not help).

    hidden: width of the head's hidden layer. width: of the embedding. temperature: of the softmax. momentum: share of
    the slow weights that a step keeps. queue: number of keys in it. Defaults: as in `MomentumSettings`.
    """

    shared: Annotated[list[str], GroupNames(), Shared(), Unique()] = field(default_factory=list)


class MoCo(MomentumMethod):
    """InfoNCE of one space, with a queue."""

    Settings = Settings

    def sharing(self) -> Sharing:
        """Return what the key copies from the query."""
        return INDEPENDENT, frozenset(self.settings.shared)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the contrastive loss. Watched: how often the key is found among all [percent]."""
        query, keys = self.embed_query(batch), self.embed_keys(batch, generator)
        logits = self.contrast(0, query[0], keys[0, 0])
        self.keep(keys[:, 0])
        found = 100 * (logits.argmax(dim=1) == 0).float().mean()
        return Loss({"contrastive": find_positive(logits)}, {"key found": found})


METHOD = MoCo
