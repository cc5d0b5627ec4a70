"""Methods that contrast a query with its keys, of an encoder that follows slowly, and with queues of earlier keys.

Momentum contrast (He et al. 2020; Chen, Fan et al. 2020), with one embedding space or several (Xiao et al. 2021).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Le
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.methods.losses import in_float32
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.settings import AtLeast, Count, Positive, Share, Width, WidthOf
from workflow_scripts.support.transfer import to_device

ALL = "all"  # the space that is invariant to every augmentation
RECENT = 100  # steps that a running mean looks back


@dataclass(frozen=True)
class MomentumSettings:
    """hidden: width of the hidden layer of each head. width: of each embedding. temperature: of the softmax.

    momentum: share of the slow weights that a step keeps. queue: keys in the queue of each space; no less than a batch
    has objects. Defaults: the run on ImageNet-100 of Xiao et al. (2021), as a re-implementation quotes it.
    """

    hidden: Annotated[Width, WidthOf("space")] = 2048
    width: Annotated[Width, WidthOf("space")] = 128
    temperature: Positive = 0.2
    momentum: Share = 0.999
    queue: Annotated[Count, Le(2**22), AtLeast("training.batch", "every key of a batch is contrasted once")] = 16384


class MomentumMethod(Method):
    """One encoder and a head for each of `spaces`, the first of which is `all`; slow copies of them; a queue a space.

    The slow networks move after each step, which is the same as moving them before the keys of the next one are
    encoded. Queues start as noise of length 1. negative_mass (spaces - 1,): for each space but the first, the share of
    the softmax that the other keys of the same image have, as a mean over recent steps. Of a queue whose keys were all
    alike to it, each key would have 1 / queue.
    """

    readouts: ClassVar[tuple[str, ...]] = (f"z_{ALL}", "z_<group>", "outputs", "hidden", "untrained")
    queues: Tensor
    enqueued: Tensor
    steps: Tensor
    negative_mass: Tensor

    def __init__(
        self, encoder: Encoder, task: Task, settings: Any, group: str = "", left_out: Sequence[str] = ()
    ) -> None:
        super().__init__(encoder, task, settings, group)
        self.spaces: tuple[str, ...] = (ALL, *left_out)
        sizes = encoder.dim, settings.hidden, settings.width
        self.heads = nn.ModuleList(make_head(*sizes) for _ in self.spaces)
        # A control: as many features, of the same encoder, that nothing was learnt for.
        self.untrained = nn.ModuleList(make_head(*sizes)[:2] for _ in self.spaces).requires_grad_(False)
        self.slow_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.slow_heads = copy.deepcopy(self.heads).requires_grad_(False)
        noise = torch.randn(len(self.spaces), settings.queue, settings.width)
        self.register_buffer("queues", F.normalize(noise, dim=-1))
        self.register_buffer("enqueued", torch.zeros((), dtype=torch.int64))  # keys of each space so far
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("negative_mass", torch.zeros(len(left_out)))
        self._keys = self._mass = torch.empty(0)

    def embed_query(self, batch: Batch) -> Tensor:
        """Return the first view's embeddings (S, N, O) in each space, at length 1."""
        return project(self.heads, self.encoder(batch.views[0]))

    @torch.no_grad()
    def embed_keys(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the slow embeddings (S, K - 1, N, O) of all views but the first in each space, at length 1.

        Each view has a forward pass of its own, in an order of its own: statistics of a batch, or of its parts, then
        tell nothing of which query a key belongs to (He et al. 2020, section 3.3).
        """
        keys = []
        for view in batch.views[1:]:
            order = to_device(torch.randperm(len(view), generator=generator), view.device)
            keys.append(project(self.slow_heads, self.slow_encoder(view[order]))[:, order.argsort()])
        return torch.stack(keys, dim=1)

    def contrast(self, space: int, query: Tensor, positive: Tensor, others: Tensor | None = None) -> Tensor:
        """Return logits (N, 1 + M + K) of one space: the positive's, those of `others`, those of its queue.

        query, positive: (N, O). others: (M, N, O), further negatives of each query.
        """
        with in_float32(query):
            parts = [(query * positive).sum(dim=1, keepdim=True)]
            parts += [] if others is None else [(query * others).sum(dim=2).T]
            # A copy: the queue changes before torch is done with the tensor.
            parts.append(query @ self.queues[space].clone().T)
            return torch.cat(parts, dim=1) / self.settings.temperature

    def keep(self, keys: Tensor, mass: Tensor | None = None) -> None:
        """Take the keys (S, N, O) that are to be enqueued after the step, and each left-out space's mass (S - 1,)."""
        self._keys, self._mass = keys, self.negative_mass if mass is None else mass.detach()

    def after_step(self) -> None:
        """Move the slow networks, and put the keys into the queues in place of the oldest ones."""
        fast = (*self.encoder.parameters(), *self.heads.parameters())
        slow = (*self.slow_encoder.parameters(), *self.slow_heads.parameters())
        for own, followed in zip(slow, fast, strict=True):
            own.mul_(self.settings.momentum).add_(followed, alpha=1 - self.settings.momentum)
        size, keys = self.settings.queue, self._keys[:, -self.settings.queue :]
        places = (self.enqueued + torch.arange(keys.shape[1], device=keys.device)) % size
        self.queues[:, places] = keys
        self.enqueued += keys.shape[1]
        self.steps += 1
        self.negative_mass += (self._mass - self.negative_mass) / self.steps.clamp(max=RECENT)

    def embeddings(self, features: Tensor) -> dict[str, Tensor]:
        """Return each space `z_<name>` at length 1, and all of them side by side as `outputs`.

        `hidden`: the hidden layers of all heads side by side (LooC++ of Xiao et al. 2021). `untrained`: the same of
        heads that were never trained, the control of equal width.
        """
        spaces = project(self.heads, features)
        found = {f"z_{name}": space for name, space in zip(self.spaces, spaces, strict=True)}
        if len(self.spaces) > 1:
            found["outputs"] = torch.cat(list(spaces), dim=1)
        found["hidden"] = torch.cat([head[:2](features) for head in self.heads], dim=1)  # type: ignore[index]
        return found | {"untrained": torch.cat([layer(features) for layer in self.untrained], dim=1)}


def make_head(dim: int, hidden: int, width: int) -> nn.Sequential:
    """Build a head of one hidden layer with ReLU and without BatchNorm (Chen, Fan et al. 2020)."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, width))


def project(heads: nn.ModuleList, features: Tensor) -> Tensor:
    """Return the outputs (S, N, O) of all heads for features (N, D), at length 1, in float32."""
    return F.normalize(torch.stack([head(features) for head in heads]).float(), dim=-1)


def find_positive(logits: Tensor) -> Tensor:
    """Return the cross-entropy (scalar) of logits (N, M) whose first column is the positive's."""
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.int64))
