"""Control: a predictor that never looks at the image. What R2 and top-1 are worth without information.

Its "features" are constant, so that a probe can learn no more than the training mean, or the most
frequent class.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from workflow_scripts.methods.base import Method, Task
from workflow_scripts.models.encoders.base import Encoder


class ConstantEncoder(Encoder):
    """Maps every image to the same single feature."""

    dim = 1

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to ones (B, 1)."""
        return inputs.new_ones(len(inputs), 1)


class ConstantPredictor(Method):
    """A method whose encoder is constant."""

    trains = False

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(ConstantEncoder(None, 0), task, settings, group)


METHOD = ConstantPredictor
