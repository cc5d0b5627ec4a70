"""ResNet-18 whose BatchNorm takes a batch in parts, as if they were on several GPUs: for momentum contrast on one.

As in the CIFAR-10 demo of the authors of MoCo (He et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workflow_scripts.models.encoders import resnet18
from workflow_scripts.models.split_norm import split_norms
from workflow_scripts.support.settings import Count


@dataclass(frozen=True)
class Settings(resnet18.Settings):
    """stem: "imagenet" or "cifar", as of the resnet18. splits: parts of a batch with statistics of their own.

    A batch that has not so many parts of equal size and two images or more is split into as many as it has: let
    `splits` divide training.batch. Defaults: the CIFAR-10 demo of the authors of MoCo (He et al. 2020).
    """

    stem: Literal["imagenet", "cifar"] = "cifar"
    splits: Count = 8


class SplitResNet18(resnet18.ResNet18):
    """The resnet18 with split BatchNorm: 512 features, and at one seed the same weights to start with."""

    Settings = Settings

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__(settings, inputs)
        split_norms(self.network, settings.splits)


ENCODER = SplitResNet18
