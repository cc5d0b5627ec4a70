"""Optimiser and learning-rate schedule of pretraining."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from workflow_scripts.support.errors import UserError


def make_optimizer(model: nn.Module, settings: dict[str, Any], device: torch.device) -> torch.optim.Optimizer:
    """Build the optimiser over all parameters: `adam` (weight decay as L2, as in the paper) or `adamw`."""
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if settings["optimizer"] not in kinds:
        raise UserError(f"training.optimizer is {settings['optimizer']!r}; choose from {', '.join(kinds)}")
    return kinds[settings["optimizer"]](
        model.parameters(),
        lr=settings["lr"],
        betas=tuple(settings["betas"]),
        weight_decay=settings["weight_decay"],
        fused=device.type == "cuda",
    )


def learning_rate(step: int, peak: float, warmup_steps: int, steps: int) -> float:
    """Return the rate of a step (from 0): linear warm-up to `peak`, then a cosine to 0 at `steps`."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(steps - warmup_steps, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
