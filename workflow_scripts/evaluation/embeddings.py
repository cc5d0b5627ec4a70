"""Embeddings of a split: each image is encoded once, each (context, length) costs one predictor pass.

Stored as one `.npy` an array in a folder, each (n, V, width) for n objects of V views:

- `h`, the encoder's features, and what the method reads out of them, by its names: `g`, for example;
- `logits` (n, V, classes), of a method with an online probe;
- `rho`, for a method with an equivariant predictor: its prediction from view 0 under the true action to view i;
- `z+.<context>`, for a method with a context: embeddings with a hidden action, under each context and length;
- `zr.<context>`: embeddings of view 0 with the true action to view i, under each true context;
- `states` and `labels` (n,), the truth, and of tables `attribute.<name>` (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.contexts import DrawnContexts, parse_context
from workflow_scripts.methods.base import ContextMethod, Method, PredictorMethod

CHUNK = 8192  # features or tokens at a time
IMAGES = 2048  # at a time
NOT_READOUTS = ("h", "states", "labels", "logits", "rho")  # of the arrays whose names have no dot


class Embeddings:
    """Arrays of several splits in a folder: `<split>.<name>.npy`. names: of the arrays, the same in every split."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def write(self, split: str, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
        """Write each array of a split as it comes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.names = []
        for name, array in arrays:
            np.save(self.folder / f"{split}.{name}.npy", array, allow_pickle=False)
            self.names.append(name)

    def read(self, split: str, name: str) -> np.ndarray:
        """Open one stored array, memory-mapped."""
        array: np.ndarray = np.load(self.folder / f"{split}.{name}.npy", mmap_mode="r", allow_pickle=False)
        return array


def encode(method: Method, views: Views) -> tuple[np.ndarray, Tensor]:
    """Return the features (n, V, D) float32 and the states (n, V, A) of the fixed views of a split."""
    features, states = [], []
    for inputs, state in views.fixed(size=max(1, IMAGES // views.views)):
        h = method.encoder(inputs.flatten(0, 1)).float().cpu()
        features.append(h.unflatten(0, inputs.shape[:2]).numpy())
        states.append(state)
    return np.concatenate(features), torch.cat(states)


def embed_split(
    method: Method, views: Views, contexts: DrawnContexts, device: torch.device
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all arrays of one split by name, each made when it is asked for: at full scale 4 GB."""
    features, states = encode(method, views)
    yield from {"h": features, "states": states.numpy(), "labels": views.labels}.items()
    yield from ((f"attribute.{name}", values) for name, values in views.attributes.items())
    shape = features.shape[:2]
    flat = torch.from_numpy(features).flatten(0, 1)
    first = torch.from_numpy(features)[:, :1].expand(-1, shape[1], -1).flatten(0, 1)
    true_action = method.space.relate(states[:, :1].expand_as(states), states).flatten(0, 1)
    for name in method.embeddings(flat[:1].to(device)):
        yield name, _map(partial(_read_out, method, name), flat, device=device).reshape(*shape, -1)
    if method.logits(flat[:1].to(device)) is not None:
        yield "logits", _map(method.logits, flat, device=device).reshape(*shape, -1)
    if isinstance(method, PredictorMethod):
        predict = partial(_predict, method)
        yield "rho", _map(predict, first, true_action, device=device).reshape(*shape, -1)
    if not isinstance(method, ContextMethod):
        return
    for name, (context_features, context_actions) in contexts.items():
        context = method.cache_context(context_features, context_actions)
        embed = partial(method.embed, context=context)
        yield f"z+.{name}", _map(embed, flat, torch.zeros_like(true_action), device=device).reshape(*shape, -1)
        kind, _ = parse_context(name)
        # A control's action has no truth to follow, and a single view none to lead to.
        if kind in method.space.groups and views.views > 1:
            action = method.space.show(true_action, (kind,))
            yield f"zr.{name}", _map(embed, first, action, device=device).reshape(*shape, -1)


def _map(function: Callable[..., Any], *inputs: Tensor, device: torch.device) -> np.ndarray:
    """Return the outputs (M, O) float32 of a function of inputs (M, ...), a chunk at a time."""
    chunks = zip(*(tensor.split(CHUNK) for tensor in inputs), strict=True)
    return np.concatenate([function(*(part.to(device) for part in chunk)).float().cpu().numpy() for chunk in chunks])


def _read_out(method: Method, name: str, features: Tensor) -> Tensor:
    """Return one of the embeddings that a method reads out of features."""
    return method.embeddings(features)[name]


def _predict(method: PredictorMethod, features: Tensor, action: Tensor) -> Tensor:
    """Predict the projected embeddings of second views from the features of first ones and the actions between."""
    return method.predict(method.project(features), action)
