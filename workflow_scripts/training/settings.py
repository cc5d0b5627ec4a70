"""Settings of training, free of torch: planning reads them. Defaults are those of Gupta et al. (2024)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from workflow_scripts.support.settings import (
    AtMost,
    Count,
    Depth,
    KindOf,
    Partial,
    Positive,
    Share,
    Unique,
    Weight,
    Whole,
)

Kind = dict[str, Any]
PEAK = "the rate reaches its peak"
FALLS = "the rate falls there while training lasts"


@dataclass(frozen=True)
class Adam:
    """Adam with weight decay as an L2 penalty. Defaults: the code of Garrido et al. (2023)."""

    betas: tuple[Partial, Partial] = (0.9, 0.999)
    weight_decay: Weight = 1e-3


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019). Defaults: torch's."""

    betas: tuple[Partial, Partial] = (0.9, 0.999)
    weight_decay: Weight = 1e-2


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, weight decay as an L2 penalty. Defaults: usual for small images."""

    momentum: Partial = 0.9
    nesterov: bool = True
    weight_decay: Weight = 5e-4


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up from 0 to the peak rate over `warmup_steps`, then a cosine down to the end of the steps.

    floor: the rate at the end, as a share of the peak. Defaults: Gupta et al. (2024), 10 epochs of 82 steps, and
    their released code.
    """

    warmup_steps: Annotated[Whole, AtMost("training.steps", PEAK)] = 820
    floor: Share = 0.0


@dataclass(frozen=True)
class Steps:
    """Linear warm-up from 0 to the peak rate over `warmup_steps`; at each of the `milestones` [steps] it is multiplied
    by `factor`. No milestones: a constant rate.
    """

    milestones: Annotated[list[Count], Unique(), AtMost("training.steps", FALLS, below=True)] = field(
        default_factory=list
    )
    factor: Annotated[float, Gt(0), Le(1)] = 0.1
    warmup_steps: Annotated[Whole, AtMost("training.steps", PEAK)] = 0


@dataclass(frozen=True)
class Training:
    """How a run is trained.

    steps: of the optimiser, 1000 epochs of 82 batches, of 41,920 objects. batch: objects in it. last_batch: what is
    left of an epoch, 448 objects there, is kept as a smaller batch, cut to whole blocks where a method has blocks, or
    dropped. lr: the peak rate; 1e-3 is that of Garrido et al.'s baselines. optimizer, schedule: their settings are in
    schemas/. clip_norm: of the gradient of all parameters, null = not clipped. warm_start: name of a run on the same
    data whose trained encoder this one starts from, "" = random. checkpoint: file of a released checkpoint whose
    weights the run takes instead of being trained, "" = trained; in variants only, so that a run's name says it.
    Defaults: Gupta et al. (2024), and their released code, and Garrido et al. (2023).
    """

    steps: Count = 82000
    batch: Annotated[int, Ge(2)] = 512  # of a single object there is no variance, and no negative
    last_batch: Literal["keep", "drop"] = "keep"
    lr: Positive = 1e-3
    optimizer: Annotated[Kind, KindOf("optimizers")] = field(default_factory=lambda: {"kind": "adam"})
    schedule: Annotated[Kind, KindOf("schedules")] = field(default_factory=lambda: {"kind": "cosine"})
    clip_norm: Positive | None = None
    warm_start: str = ""
    checkpoint: str = ""


@dataclass(frozen=True)
class EngineSettings:
    """How jobs run; never triggers a rerun. The same seed gives the same bytes with the same device, number of threads
    and choice to compile, on one machine: these decide the last digits of every step, and after many steps the weights.
    They are recorded with each run.

    device: "auto" is cuda where there is one, else cpu. share_gpu: whether runs that need little of a GPU share one;
    else each has one alone. threads: CPU threads of a job that trains or evaluates.
    workers: processes that render, decode and pack. log_every: steps between lines of a training's history.
    checkpoint_seconds: between checkpoints of a training. compile: whether encoders are compiled for training; "auto"
    is on a GPU, if the steps left are enough to pay for it, and never on a CPU. YAML reads a bare on as true, which
    means the same.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    share_gpu: bool = True
    threads: Depth = 1
    workers: Depth = 2
    log_every: Count = 20
    checkpoint_seconds: Weight = 30.0
    compile: Literal["auto", "on", "off"] | bool = "auto"
