"""Settings of linear classifiers on frozen features, free of torch: planning reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workflow_scripts.support.settings import Count, Positive, Share


@dataclass(frozen=True)
class LinearSettings:
    """A linear classifier, learnt by cross-entropy on batches of frozen features, without weight decay.

    optimizer: "sgd" or "adam". epochs: each image once an epoch. steps: take so many steps instead, null = by epochs.
    batch: images. lr: of the features' own scale; see `standardise`. momentum: of "sgd". milestones: epochs after which
    the rate is multiplied by `factor`.
    standardise: give every feature mean 0 and deviation 1 first (ours); a rate of 30 suits unstandardised ones only.

    Defaults: those of He et al. 2020, section 4.1, which Xiao et al. 2021 take over.
    """

    optimizer: Literal["sgd", "adam"] = "sgd"
    epochs: Count = 200
    steps: Count | None = None
    batch: Count = 256
    lr: Positive = 30.0
    momentum: Share = 0.9
    milestones: tuple[Count, ...] = (120, 160)
    factor: Share = 0.1
    standardise: bool = False
