"""Settings of training, free of torch: planning reads them. Defaults are those of Gupta et al. (2024)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from workflow_scripts.support.settings import Count, KindOf, Positive, Share, Weight, Whole

Beta = Annotated[float, Ge(0), Lt(1)]
Kind = dict[str, Any]


@dataclass(frozen=True)
class Adam:
    """Adam with weight decay as an L2 penalty. Defaults: the code of Garrido et al. (2023)."""

    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: Weight = 1e-3


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019). Defaults: torch's."""

    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: Weight = 1e-2


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, weight decay as an L2 penalty. Defaults: usual for small images."""

    momentum: Beta = 0.9
    nesterov: bool = True
    weight_decay: Weight = 5e-4


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up to the peak rate over `warmup_steps`, then a cosine down to the last step.

    floor: the rate at the end, as a share of the peak. Defaults: Gupta et al. (2024), 10 epochs of 81 steps.
    """

    warmup_steps: Whole = 810
    floor: Share = 0.0


@dataclass(frozen=True)
class Steps:
    """Linear warm-up to the peak rate over `warmup_steps`; at each of the `milestones` [steps] it is multiplied by
    `factor`. No milestones: a constant rate.
    """

    milestones: list[Count] = field(default_factory=list)
    factor: Annotated[float, Gt(0), Le(1)] = 0.1
    warmup_steps: Whole = 0


@dataclass(frozen=True)
class Training:
    """How a run is trained.

    steps: of the optimiser, 1000 epochs of floor(41,920 / 512) batches. batch: objects in it. lr: the peak rate; 1e-3
    is that of Garrido et al.'s baselines. optimizer, schedule: their settings are in schemas/. clip_norm: of the
    gradient of all parameters, null = not clipped. warm_start: name of a run on the same data whose trained encoder
    this one starts from, "" = random. checkpoint: file of a released checkpoint whose weights the run takes instead of
    being trained, "" = trained; in variants only, so that a run's name says it.
    Defaults: Gupta et al. (2024) and Garrido et al. (2023).
    """

    steps: Count = 81000
    batch: Count = 512
    lr: Positive = 1e-3
    optimizer: Annotated[Kind, KindOf("optimizers")] = field(default_factory=lambda: {"kind": "adam"})
    schedule: Annotated[Kind, KindOf("schedules")] = field(default_factory=lambda: {"kind": "cosine"})
    clip_norm: Positive | None = None
    warm_start: str = ""
    checkpoint: str = ""


@dataclass(frozen=True)
class EngineSettings:
    """How jobs run; never changes a result, never triggers a rerun.

    device: "auto" is cuda where there is one, else cpu. threads: CPU threads of a job that trains or evaluates.
    workers: processes that render, decode and pack. log_every: steps between lines of a training's history.
    checkpoint_seconds: between checkpoints of a training.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count = 1
    workers: Count = 2
    log_every: Count = 20
    checkpoint_seconds: Weight = 30.0
