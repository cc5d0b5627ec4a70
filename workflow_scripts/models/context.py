"""The context transformer: reads a sequence of (feature, action) tokens and masks it pair by pair.

A block holds pairs of tokens, (f(x_1), a_1), (f(x_1+), 0), (f(x_2), a_2), ... There are no positional
embeddings: a context is a set of pairs (Gupta et al. 2024, section 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pair_mask(tokens: int, device: torch.device | str = "cpu") -> Tensor:
    """Return which tokens (rows) may see which (columns), (T, T) bool: causal, but never the own pair's other token."""
    position = torch.arange(tokens, device=device)
    causal = position[:, None] >= position[None, :]
    own_pair = position[:, None] // 2 == position[None, :] // 2
    return causal & (~own_pair | torch.eye(tokens, dtype=torch.bool, device=device))


def draw_context_mask(tokens: int, layers: int, probability: float | list[float], generator: torch.Generator) -> Tensor:
    """Return a training mask (layers, T, T) bool, True = visible, shared over batch and heads.

    Each layer drops each pair of keys from each query row with `probability`; a token always sees itself. With
    [low, high], each row draws its own probability (ours: it spreads the context lengths that training sees).
    """
    device = generator.device
    low, high = probability if isinstance(probability, list) else (probability, probability)
    dropped = low if low == high else low + (high - low) * torch.rand(tokens, 1, generator=generator, device=device)
    kept = torch.rand(layers, tokens, (tokens + 1) // 2, generator=generator, device=device) >= dropped
    kept = kept.repeat_interleave(2, dim=2)[:, :, :tokens]
    return (kept & pair_mask(tokens, device)) | torch.eye(tokens, dtype=torch.bool, device=device)


@dataclass
class CachedContext:
    """Keys and values of a context, one (heads, c, width / heads) tensor each a layer."""

    keys: list[Tensor]
    values: list[Tensor]


class Block(nn.Module):
    """A transformer block with LayerNorm before attention and before the MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys, values (..., heads, T, width / heads) of tokens (..., T, width)."""
        parts = self.query_key_value(self.attention_norm(x)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in parts)
        return q, k, v

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.attention_out(attended)
        return x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map tokens (S, T, width) under a mask (T, T) bool."""
        q, k, v = self._split(x)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._finish(x, attended.transpose(1, 2).flatten(2))

    def cache(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output (c, width), keys and values (heads, c, width / heads) of a context (c, width)."""
        _, k, v = self._split(x)
        return self.forward(x[None], mask)[0], k, v

    def append(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Map single tokens (M, width), each seeing the cached context and itself, to (M, width)."""
        q, k, v = (part[:, :, 0] for part in self._split(x[:, None]))  # (M, heads, width / heads)
        scale = 1 / math.sqrt(q.shape[-1])
        to_context = torch.einsum("mhd,hcd->mhc", q, keys)
        to_itself = (q * k).sum(-1, keepdim=True)
        weights = (torch.cat([to_context, to_itself], dim=-1) * scale).softmax(dim=-1)
        attended = torch.einsum("mhc,hcd->mhd", weights[..., :-1], values) + weights[..., -1:] * v
        return self._finish(x, attended.flatten(1))


class ContextTransformer(nn.Module):
    """The predictor of Gupta et al. 2024: Linear, pre-LayerNorm blocks without positions, LayerNorm, Linear.

    init_std: standard deviation of all weights; the residual projections' is divided by
        sqrt(2 layers), as in GPT-2. action_scale: factor on the read-in's action columns at the
        start; 1 in the paper, more makes a small model notice the actions.
    """

    def __init__(
        self,
        *,
        feature_dim: int,
        action_dim: int,
        output_dim: int,
        width: int,
        layers: int,
        heads: int,
        init_std: float,
        action_scale: float,
    ) -> None:
        super().__init__()
        self.feature_dim, self.action_dim = feature_dim, action_dim
        self.read_in = nn.Linear(feature_dim + action_dim, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.read_out = nn.Linear(width, output_dim)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                residual = name.endswith(("attention_out", "mlp_out"))
                nn.init.normal_(module.weight, std=init_std / (math.sqrt(2 * layers) if residual else 1))
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.read_in.weight[:, feature_dim:] *= action_scale

    def split_read_in(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return what features (M, D) and actions (M, A) put into tokens, (M, width) each: their sum, less the bias."""
        of_features, of_actions = self.read_in.weight.split([self.feature_dim, self.action_dim], dim=1)
        return features @ of_features.T, actions @ of_actions.T

    def _tokens(self, features: Tensor, actions: Tensor) -> Tensor:
        hidden: Tensor = self.read_in(torch.cat([features, actions], dim=-1))
        return hidden

    def forward(self, features: Tensor, actions: Tensor, masks: Tensor) -> Tensor:
        """Map features (S, T, D) and actions (S, T, A) under masks (layers, T, T) to outputs (S, T, O)."""
        x = self._tokens(features, actions)
        for block, mask in zip(self.blocks, masks, strict=True):
            x = block(x, mask)
        output: Tensor = self.read_out(self.norm(x))
        return output

    def cache_context(self, features: Tensor, actions: Tensor) -> CachedContext:
        """Compute the keys and values of c context tokens, (c, D) and (c, A), once for all queries."""
        mask = pair_mask(len(features), features.device)
        x = self._tokens(features, actions)
        cached = CachedContext([], [])
        for block in self.blocks:
            assert isinstance(block, Block)
            x, keys, values = block.cache(x, mask)
            cached.keys.append(keys)
            cached.values.append(values)
        return cached

    def append(self, features: Tensor, actions: Tensor, context: CachedContext) -> Tensor:
        """Return the outputs (M, O) of single tokens (M, D), (M, A), each appended alone to the context."""
        x = self._tokens(features, actions)
        for block, keys, values in zip(self.blocks, context.keys, context.values, strict=True):
            assert isinstance(block, Block)
            x = block.append(x, keys, values)
        output: Tensor = self.read_out(self.norm(x))
        return output
