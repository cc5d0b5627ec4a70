"""Control: the inputs themselves as features. What probes read without any representation learning."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.methods.base import Method


class RawEncoder(nn.Module):
    """Flattens its input."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W), or rows (B, F), to vectors (B, F)."""
        return inputs.flatten(1)


class RawFeatures(Method):
    """A method whose features are the inputs."""

    trains = False

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(RawEncoder(), space, settings)


METHOD = RawFeatures
