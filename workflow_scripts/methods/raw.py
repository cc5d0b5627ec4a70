"""Control: the inputs themselves as features. What probes read without any representation learning."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from workflow_scripts.methods.base import Method, Task
from workflow_scripts.models.encoders.base import Encoder


class RawEncoder(Encoder):
    """Flattens its input."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W), or rows (B, F), to vectors (B, F)."""
        return inputs.flatten(1)


class RawFeatures(Method):
    """A method whose features are the inputs."""

    trains = False

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(RawEncoder(None, 0), task, settings, group)


METHOD = RawFeatures
