"""ResNet-50 (He et al. 2016), as torchvision has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from workflow_scripts.models.encoders.base import Encoder


@dataclass(frozen=True)
class Settings:
    """stem: "imagenet" (7x7, stride 2, max-pool) or "cifar" (3x3, stride 1, no max-pool, for images of 32 pixels)."""

    stem: Literal["imagenet", "cifar"] = "imagenet"


class ResNet50(Encoder):
    """torchvision's ResNet-50 without its last layer: 2048 features."""

    Settings = Settings
    memory = 8400  # with the stem "cifar"; a fourteenth with the other
    dim = 2048

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        from torchvision.models import resnet50

        self.network = resnet50(weights=None)
        self.network.fc = nn.Identity()
        if settings.stem == "cifar":
            self.network.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
            self.network.maxpool = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, 2048)."""
        features: Tensor = self.network(inputs)
        return features


ENCODER = ResNet50
