"""Equivariant predictors: rho(z, a) moves an embedding as an action moves its image."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearPredictor(nn.Module):
    """rho(z, a) = Linear([a, z]), as in the code of Garrido et al. 2023."""

    def __init__(self, dim: int, action_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(action_dim + dim, dim)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """Map embeddings (N, D) and actions (N, A) to embeddings (N, D)."""
        moved: Tensor = self.linear(torch.cat([action.to(z.dtype), z], dim=-1))
        return moved


class HyperPredictor(nn.Module):
    """rho(z, a) = W(a) z, where W(a) = reshape(H a) and H is linear without bias (Garrido et al. 2023, section 3).

    W(a) is never formed: the A matrices that it is a sum of act on z, and a weighs the results.
    """

    def __init__(self, dim: int, action_dim: int) -> None:
        super().__init__()
        self.dim, self.action_dim = dim, action_dim
        self.hyper = nn.Linear(action_dim, dim * dim, bias=False)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """Map embeddings (N, D) and actions (N, A) to embeddings (N, D)."""
        matrices = self.hyper.weight.view(self.dim, self.dim, self.action_dim)  # (D out, D in, A)
        moved = z @ matrices.permute(1, 2, 0).flatten(1).to(z.dtype)  # (N, A x D out)
        return (action.to(z.dtype)[:, :, None] * moved.unflatten(1, (self.action_dim, self.dim))).sum(dim=1)
