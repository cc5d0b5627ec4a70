"""What the methods with a context share: a transformer over blocks of pairs, and its use at evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, MultipleOf
from torch import Tensor

from workflow_scripts.methods.base import ContextMethod, Task
from workflow_scripts.models.context import CachedContext, ContextTransformer, draw_context_mask
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import Count, Depth, Divides, Positive, Share, ShareRange, Width, WidthOf
from workflow_scripts.support.transfer import to_device

WHOLE_BLOCKS = "a batch is cut into whole blocks of pairs, two tokens each"
MINIMUM_COSINE = 1e-7  # the authors' clamp in NT-Xent: outputs that already point apart are not pushed further


@dataclass(frozen=True)
class TransformerSettings:
    """Settings of the transformer and its masks.

    block_tokens: tokens in a sequence, two a pair. output_dim: of the embedding; null = the feature's.
    mask_probability: share of the other pairs hidden from a token, per layer and step; [low, high] = each token's own.
    init_std: see `ContextTransformer`. Defaults: ContextSSL's run on 3DIEBench (Gupta et al. 2024, and released code).
    """

    width: Width = 2048
    layers: Depth = 3
    heads: Annotated[Count, Divides("settings.width", "each head reads as many entries")] = 4
    output_dim: Annotated[Width | None, WidthOf("context")] = None
    block_tokens: Annotated[int, Ge(4), MultipleOf(2), Divides("training.batch", WHOLE_BLOCKS, per=2)] = 128
    mask_probability: Share | ShareRange = 0.9
    init_std: Positive = 0.02


class InContextMethod(ContextMethod):
    """A method whose loss is on the outputs of a context transformer. action_scale: see `ContextTransformer`."""

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "", action_scale: float = 1.0) -> None:
        super().__init__(encoder, task, settings, group)
        feature_dim = encoder.dim
        self.predictor = ContextTransformer(
            feature_dim=feature_dim,
            action_dim=task.space.dim if self.uses_actions else 0,
            output_dim=settings.output_dim or feature_dim,
            width=settings.width,
            layers=settings.layers,
            heads=settings.heads,
            init_std=settings.init_std,
            action_scale=action_scale,
        )

    @property
    def multiple(self) -> int:
        """The pairs of a block."""
        return int(self.settings.block_tokens) // 2

    def predict_blocks(self, features: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Return outputs (N, 2, O) of pairs (N, 2, D) with actions (N, A), in blocks under a drawn context mask."""
        s = self.settings
        if len(features) % self.multiple:
            raise UserError(f"a batch of {len(features)} pairs does not divide into blocks of {self.multiple} pairs")
        actions = torch.stack([action, torch.zeros_like(action)], dim=1)  # the second token's action is hidden
        drawn = draw_context_mask(s.block_tokens, s.layers, s.mask_probability, generator)
        masks = to_device(drawn, features.device)
        blocks = (t.flatten(0, 1).unflatten(0, (-1, s.block_tokens)) for t in (features, self._seen(actions)))
        outputs: Tensor = self.predictor(*blocks, masks).flatten(0, 1).unflatten(0, (-1, 2))
        return outputs

    def _seen(self, actions: Tensor) -> Tensor:
        """Return the actions as the transformer reads them: all entries, or none."""
        return actions if self.uses_actions else actions[..., :0]

    def cache_context(self, features: Tensor, actions: Tensor) -> CachedContext:
        """Compute the keys and values of a context once."""
        return self.predictor.cache_context(features, self._seen(actions))

    def embed(self, features: Tensor, actions: Tensor, context: CachedContext) -> Tensor:
        """Embed single tokens appended to the context: z+ with actions 0, z_r with true actions."""
        return self.predictor.append(features, self._seen(actions), context)
