"""Optimiser and learning-rate schedule of pretraining."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from workflow_scripts.support.errors import UserError

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,  # weight decay as L2
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


def make_optimizer(model: nn.Module, training: dict[str, Any], device: torch.device) -> torch.optim.Optimizer:
    """Build the optimiser over all parameters that have a gradient. training: see `training.settings.Training`."""
    own = dict(training["optimizer"])
    kind = own.pop("kind")
    if kind not in OPTIMIZERS:
        raise UserError(f"training.optimizer.kind is {kind!r}; choose from {', '.join(OPTIMIZERS)}")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return OPTIMIZERS[kind](trained, lr=training["lr"], fused=device.type == "cuda", **own)  # type: ignore[call-arg]


def learning_rate(step: int, training: dict[str, Any]) -> float:
    """Return the rate of a step (from 0): linear warm-up from 0 to the peak, then the schedule down to the end."""
    schedule, peak, steps = training["schedule"], float(training["lr"]), training["steps"]
    warmup = schedule["warmup_steps"]
    if step < warmup:
        return peak * step / warmup
    if schedule["kind"] == "steps":
        passed = sum(step >= milestone for milestone in schedule["milestones"])
        return float(peak * schedule["factor"] ** passed)
    if schedule["kind"] != "cosine":
        raise UserError(f"training.schedule.kind is {schedule['kind']!r}; choose from cosine, steps")
    progress = (step - warmup) / max(steps - warmup, 1)
    floor = schedule["floor"]
    return float(peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))))
