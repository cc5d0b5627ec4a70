"""LooC, leave-one-out contrastive learning (Xiao et al. 2021): a space for each augmentation, invariant to all others.

One encoder, n + 1 spaces and n + 2 views: the query q and k_0 differ in every augmentation; k_i has q's own draw of the
i-th left-out one, and differs in the others. Space 0 attracts k_0 and is invariant to all. Space i attracts k_i, and is
repelled by the other keys of the same image beside those of its queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import MinLen
from torch import Tensor

from workflow_scripts.data.batch import INDEPENDENT, Batch, Sharing
from workflow_scripts.methods.base import Loss, Task
from workflow_scripts.methods.momentum import MomentumMethod, MomentumSettings, find_positive
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import GroupNames, OneViewEach, Unique


@dataclass(frozen=True)
class Settings(MomentumSettings):
    """left_out: groups that have a space of their own, null = all that the data have. positives: of the space that is
    invariant to all, k_0 alone, as in re-implementations, or the mean over all keys, as the paper's figure 2 draws it.

    hidden: width of each head's hidden layer. width: of each embedding. temperature: of the softmax. momentum: share of
    the slow weights that a step keeps. queue: number of keys in that of each space. Defaults: as in `MomentumSettings`.
    """

    left_out: Annotated[Annotated[list[str], MinLen(1)] | None, GroupNames(), OneViewEach(), Unique()] = None
    positives: Literal["first", "all"] = "first"


class LeaveOneOut(MomentumMethod):
    """The mean of the contrastive losses of all spaces (section 3 of the paper; its equation has no code)."""

    Settings = Settings
    uses_actions: ClassVar[bool] = True  # what differs between views; planning reads it

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        left_out = list(task.space.groups) if settings.left_out is None else settings.left_out
        have = f"has {', '.join(task.space.groups)}" if task.space.groups else "has none"
        if not left_out or (unknown := set(left_out) - set(task.space.groups)):
            what = f"names the group {min(unknown)!r}" if left_out else "names no group"
            raise UserError(f"left_out {what}, but this data set {have}; leave out groups that it has")
        super().__init__(encoder, task, settings, group, left_out)
        self._entries = [task.space.groups[name] for name in left_out]

    def sharing(self) -> Sharing:
        """Return, for q, k_0 and each k_i, what it copies from q."""
        return INDEPENDENT, INDEPENDENT, *(frozenset([name]) for name in self.spaces[1:])

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return each space's part of the mean. Watched: how often the positive is found [percent], and for each
        left-out group the share of the softmax that the same image's other keys have.
        """
        query, keys = self.embed_query(batch), self.embed_keys(batch, generator)
        parts, watched, masses = {}, {}, []
        for space, name in enumerate(self.spaces):
            if space:
                logits = self._contrast_left_out(space, query[space], keys[space], batch.states)
                masses.append(logits.detach().softmax(dim=1)[:, 1 : len(self.spaces)].sum(dim=1).mean())
                watched[f"mass of other keys, {name}"] = masses[-1]
                loss = find_positive(logits)
            else:
                logits = self.contrast(0, query[0], keys[0, 0])
                loss = self._attract(logits, query[0], keys[0])
            parts[name] = loss / len(self.spaces)
            watched[f"key found, {name}"] = 100 * (logits.argmax(dim=1) == 0).float().mean()
        own = torch.stack([keys[space, space] for space in range(len(self.spaces))])
        self.keep(own, torch.stack(masses))
        return Loss(parts, watched)

    def _attract(self, logits: Tensor, query: Tensor, keys: Tensor) -> Tensor:
        """Return the loss of the space that is invariant to all; keys (K - 1, N, O) of it, logits with the first's."""
        if self.settings.positives == "first":
            return find_positive(logits)
        further = [find_positive(self.contrast(0, query, key)) for key in keys[1:]]
        return torch.stack([find_positive(logits), *further]).mean()

    def _contrast_left_out(self, space: int, query: Tensor, keys: Tensor, states: Tensor) -> Tensor:
        """Return the logits (N, 1 + n + K) of a left-out space; keys (n + 1, N, O) of it, states (n + 2, N, A).

        A key that happens to have q's own draw is a positive, too: it is no negative of that query (ours; of a group of
        few values such draws are many).
        """
        others = [key for key in range(len(keys)) if key != space]
        logits = self.contrast(space, query, keys[space], keys[others])
        own = states[..., self._entries[space - 1]]
        alike = (own[1:][others] == own[0]).all(dim=-1).T
        logits[:, 1 : 1 + len(others)].masked_fill_(alike, float("-inf"))
        return logits


METHOD = LeaveOneOut
