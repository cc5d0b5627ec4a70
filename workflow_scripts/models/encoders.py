"""Encoders f: images (B, 3, H, W) to features (B, D)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import derive_seed


class SmallConvNet(nn.Module):
    """Four strided convolutions and one linear layer, for small images on a CPU (not in the paper).

    The feature map is flattened, not pooled: position carries the pose. The features are
    standardised by a BatchNorm without parameters, which keeps the context predictor's inputs at
    unit scale.
    """

    def __init__(self, resolution: int, channels: list[int], dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous, side = 3, resolution
        for count in channels:
            layers += [nn.Conv2d(previous, count, 3, stride=2, padding=1), nn.BatchNorm2d(count), nn.ReLU()]
            previous, side = count, (side + 1) // 2
        self.convolutions = nn.Sequential(*layers)
        self.project = nn.Linear(previous * side * side, dim)
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.dim = dim

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, dim)."""
        return self.standardise(self.project(self.convolutions(images).flatten(1)))


class ResNet18(nn.Module):
    """torchvision's ResNet-18 without its last layer: 512 features.

    stem: "imagenet" (7x7, stride 2, max-pool) or "cifar" (3x3, stride 1, no max-pool).
    """

    def __init__(self, stem: str) -> None:
        super().__init__()
        from torchvision.models import resnet18

        if stem not in ("imagenet", "cifar"):
            raise UserError(f"the encoder's stem is {stem!r}; choose 'imagenet' or 'cifar'")
        self.network = resnet18(weights=None)
        self.network.fc = nn.Identity()
        if stem == "cifar":
            self.network.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
            self.network.maxpool = nn.Identity()
        self.dim = 512

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, 512)."""
        features: Tensor = self.network(images)
        return features


def make_encoder(settings: dict[str, Any], resolution: int, seed: int) -> SmallConvNet | ResNet18:
    """Build the encoder of the settings, randomly initialised: the same weights for every method at a seed.

    Initialisation draws from torch's global generator, which is left as it was found.
    """
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder"))
        if settings["kind"] == "small":
            return SmallConvNet(resolution, **arguments)
        if settings["kind"] == "resnet18":
            return ResNet18(**arguments)
    raise UserError(f"the encoder's kind is {settings['kind']!r}; choose 'small' or 'resnet18'")
