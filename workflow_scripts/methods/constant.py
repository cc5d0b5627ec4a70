"""Control: a predictor that never looks at the image. What R2 and top-1 are worth without information.

Its "features" are constant, so that a probe can learn no more than the training mean, or the most
frequent class.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.methods.base import Method


class ConstantEncoder(nn.Module):
    """Maps every image to the same single feature."""

    dim = 1

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to ones (B, 1)."""
        return images.new_ones(len(images), 1)


class ConstantPredictor(Method):
    """A method whose encoder is constant."""

    trains = False

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(ConstantEncoder(), space, settings)


METHOD = ConstantPredictor
