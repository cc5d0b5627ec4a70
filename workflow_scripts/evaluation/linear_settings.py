"""Settings of linear classifiers on frozen features, free of torch: planning reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le

from workflow_scripts.support.settings import AtMost, Count, Partial, Positive, Unique

FALLS = "the rate falls there while the classifier learns"


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
    momentum: Partial = 0.9
    milestones: Annotated[tuple[Count, ...], Unique(), AtMost("epochs", FALLS, below=True, unless="steps")] = (120, 160)
    factor: Annotated[float, Gt(0), Le(1)] = 0.1
    standardise: bool = False
