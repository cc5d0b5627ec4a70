"""Whether a training came to something: weights, and what they make of a batch, are finite; else what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import ContextMethod, Method
from workflow_scripts.support.errors import UserError


def advise(run: Path) -> str:
    """Say what to do about a training that diverged. run: its folder, which another rate would not be welcome in."""
    return f"move or delete {run}, lower training.lr or set training.clip_norm for this run, and run again"


def is_finite(tensor: Tensor) -> bool:
    """Tell whether all numbers of a tensor are finite, without another array of its size."""
    if not tensor.numel() or not tensor.is_floating_point():
        return True
    return bool(torch.stack(torch.aminmax(tensor)).isfinite().all())


def check_finite(tensors: Mapping[str, Tensor], run: Path, what: str) -> None:
    """Raise `UserError` where a tensor has numbers that are not finite. what: of which they are, for the sentence."""
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise UserError(f"{what} are not finite ({name}): the training diverged; {advise(run)}")


@torch.no_grad()
def check_usable(method: Method, batch: Batch, run: Path) -> None:
    """Raise `UserError` where weights, though finite, make something of a batch that is not: their last step was wild.

    As an evaluation uses them, so that nothing of the method changes.
    """
    check_finite(method.state_dict(), run, f"the weights of {run}")
    method.eval()
    features = method.encode(batch)
    flat = features.flatten(0, 1)
    found = {"features": flat, **method.embeddings(flat)}
    if (logits := method.logits(flat)) is not None:
        found["logits"] = logits
    if isinstance(method, ContextMethod):
        actions = batch.action()
        empty = method.cache_context(flat[:0], actions[:0])
        found["embeddings"] = method.embed(features[0], actions, empty)
    method.train()
    check_finite(found, run, f"after the last step, the outputs of {run}")
