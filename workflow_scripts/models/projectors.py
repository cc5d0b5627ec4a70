"""Projectors: the networks between features and a loss on embeddings."""

from __future__ import annotations

from torch import nn


def make_projector(dim_in: int, widths: list[int]) -> nn.Sequential:
    """Build Linear-BatchNorm-ReLU layers and a last Linear without bias (Garrido et al. 2023, appendix).

    widths: the output sizes of the layers, e.g. [2048, 2048, 2048].
    """
    layers: list[nn.Module] = []
    for width in widths[:-1]:
        layers += [nn.Linear(dim_in, width), nn.BatchNorm1d(width), nn.ReLU()]
        dim_in = width
    return nn.Sequential(*layers, nn.Linear(dim_in, widths[-1], bias=False))
