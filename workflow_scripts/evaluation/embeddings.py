"""Embeddings of a split: each image is encoded once, each (context, length) costs one predictor pass.

Stored as one `.npy` an array in a folder: `h` (n, V, D), the encoder's features; for a method with a
context, `z+` (n, V, O), embeddings with a hidden action for each context and length, and `zr` (n, V, O), view
0 with the true action to view i, for each true context; `states` (n, V, A) and `labels` (n,).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.views import Views
from workflow_scripts.evaluation.contexts import Contexts, parse_context
from workflow_scripts.methods.base import ContextMethod, Method

CHUNK = 8192  # tokens at a time through the predictor


def encode(method: Method, views: Views) -> tuple[np.ndarray, Tensor]:
    """Return the features (n, V, D) float32 and the states (n, V, A) of the fixed views of a split."""
    features, states = [], []
    for images, state in views.fixed(size=max(1, 2048 // views.views)):
        h = method.encoder(images.flatten(0, 1)).float().cpu()
        features.append(h.unflatten(0, images.shape[:2]).numpy())
        states.append(state)
    return np.concatenate(features), torch.cat(states)


def embed_tokens(
    method: ContextMethod, features: Tensor, actions: Tensor, context: Any, device: torch.device
) -> np.ndarray:
    """Return the outputs (M, O) float32 of tokens (M, D), (M, A) under a digested context."""
    outputs = []
    for h, a in zip(features.split(CHUNK), actions.split(CHUNK), strict=True):
        outputs.append(method.embed(h.to(device), a.to(device), context).float().cpu().numpy())
    return np.concatenate(outputs)


def embed_split(
    method: Method,
    views: Views,
    contexts: Contexts,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Return all arrays of one split by name."""
    features, states = encode(method, views)
    arrays = {"h": features, "states": states.numpy(), "labels": views.labels}
    if not isinstance(method, ContextMethod):
        return arrays
    shape = features.shape[:2]
    flat = torch.from_numpy(features).flatten(0, 1)
    first = torch.from_numpy(features)[:, :1].expand(-1, shape[1], -1).flatten(0, 1)
    true_action = method.space.relate(states[:, :1].expand_as(states), states).flatten(0, 1)
    for name, (context_features, context_actions) in contexts.items():
        context = method.cache_context(context_features, context_actions)
        outputs = embed_tokens(method, flat, torch.zeros_like(true_action), context, device)
        arrays[f"z+.{name}"] = outputs.reshape(*shape, -1)
        kind, _ = parse_context(name)
        if kind in method.space.groups:  # a control's action has no truth to follow
            action = true_action * method.space.visible((kind,))
            arrays[f"zr.{name}"] = embed_tokens(method, first, action, context, device).reshape(*shape, -1)
    return arrays


def write_arrays(folder: Path, split: str, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays of a split as `<split>.<name>.npy`."""
    for name, array in arrays.items():
        np.save(folder / f"{split}.{name}.npy", array, allow_pickle=False)


def read_array(folder: Path, split: str, name: str) -> np.ndarray:
    """Open one stored array, memory-mapped."""
    array: np.ndarray = np.load(folder / f"{split}.{name}.npy", mmap_mode="r", allow_pickle=False)
    return array
