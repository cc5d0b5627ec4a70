"""Encoders f: images (B, 3, H, W), or rows of a table (B, F), to features (B, D)."""

from __future__ import annotations

import itertools
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
            layers += [nn.Conv2d(previous, count, 3, stride=2, padding=1), nn.BatchNorm2d(count), nn.ReLU(inplace=True)]
            previous, side = count, (side + 1) // 2
        self.convolutions = nn.Sequential(*layers)
        self.project = nn.Linear(previous * side * side, dim)
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.dim = dim

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, dim)."""
        return self.standardise(self.project(self.convolutions(images).flatten(1)))


class MultilayerPerceptron(nn.Module):
    """Linear, BatchNorm and ReLU for each width, then one linear layer, for rows of a table (not in the paper).

    The features are standardised as `SmallConvNet`'s are.
    """

    def __init__(self, inputs: int, widths: list[int], dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width in itertools.pairwise([inputs, *widths]):
            layers += [nn.Linear(width_in, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear([inputs, *widths][-1], dim))
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.dim = dim

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, F) to features (B, dim)."""
        features: Tensor = self.standardise(self.layers(rows))
        return features


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


Encoder = SmallConvNet | MultilayerPerceptron | ResNet18


def make_encoder(settings: dict[str, Any], inputs: int, seed: int) -> Encoder:
    """Build the encoder of the settings, randomly initialised: the same weights for every method at a seed.

    inputs: side of the images [pixels], or for a multilayer perceptron the width of the rows.
    Initialisation draws from torch's global generator, which is left as it was found.
    """
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder"))
        if settings["kind"] == "small":
            return SmallConvNet(inputs, **arguments)
        if settings["kind"] == "mlp":
            return MultilayerPerceptron(inputs, **arguments)
        if settings["kind"] == "resnet18":
            return ResNet18(**arguments)
    raise UserError(f"the encoder's kind is {settings['kind']!r}; choose 'small', 'resnet18' or 'mlp'")
