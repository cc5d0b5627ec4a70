"""Losses on pairs of embeddings, shared by the methods. All compute in float32."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def in_float32(tensor: Tensor) -> torch.autocast:
    """Return a context in which products are not cast down, as a training on a GPU does: bfloat16 has two digits."""
    return torch.autocast(tensor.device.type, enabled=False)


def info_nce(u: Tensor, v: Tensor, temperature: float, minimum_cosine: float | None = None) -> Tensor:
    """NT-Xent over 2N stacked embeddings (SimCLR, Chen et al. 2020).

    u, v: (N, D); rows i of both are each other's positive, the other 2N - 2 rows its negatives.
    Logits are cosines / temperature; `minimum_cosine` clamps the cosines from below (ContextSSL
    clamps at 1e-7). Returns the mean cross-entropy over the 2N rows.
    """
    stacked = F.normalize(torch.cat([u, v]).float(), dim=1)
    with in_float32(stacked):
        cosines = stacked @ stacked.T
    if minimum_cosine is not None:
        cosines = cosines.clamp(min=minimum_cosine)
    logits = (cosines / temperature).fill_diagonal_(float("-inf"))
    rows = torch.arange(len(stacked), device=stacked.device)
    return F.cross_entropy(logits, rows.roll(len(u)))


def variance_hinge(z: Tensor) -> Tensor:
    """Mean over dimensions of relu(1 - std) of embeddings (N, D) (VICReg, Bardes et al. 2022, section 4.1)."""
    return F.relu(1 - (z.float().var(dim=0) + 1e-4).sqrt()).mean()


def vicreg(first: Tensor, second: Tensor, invariance: float, variance: float, covariance: float) -> dict[str, Tensor]:
    """Return VICReg's three parts of two views' embeddings (N, D), each times its weight (section 4.1)."""
    first, second = first.float(), second.float()
    return {
        "invariance": invariance * F.mse_loss(first, second),
        "variance": variance * (variance_hinge(first) + variance_hinge(second)) / 2,
        "covariance": covariance * (covariance_penalty(first) + covariance_penalty(second)),
    }


def covariance_penalty(z: Tensor) -> Tensor:
    """Sum of squared off-diagonal covariances of embeddings (N, D), divided by D (VICReg, section 4.1)."""
    centred = z.float() - z.float().mean(dim=0)
    with in_float32(centred):
        covariance = centred.T @ centred / (len(z) - 1)
    return (covariance.pow(2).sum() - covariance.diagonal().pow(2).sum()) / z.shape[1]
