"""Embeddings of a split: each image is encoded once, each (context, length) costs one predictor pass.

One array each, (n, V, width) for n objects of V views:

- `h`, the encoder's features, and what the method reads out of them, by its names: `g`, for example;
- `logits` (n, V, classes), of a method with an online probe;
- `rho`, for a method with an equivariant predictor: its prediction from view 0 under the true action to view i;
- `z+.<context>`, for a method with a context: embeddings with a hidden action, under each context and length;
- `zr.<context>`: embeddings of view 0 with the true action to view i, under each true context;
- `states` and `labels` (n,), the truth, and of tables `attribute.<name>` (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.contexts import DrawnContexts, parse_context
from workflow_scripts.evaluation.storage import find_room
from workflow_scripts.methods.base import ContextMethod, Method, PredictorMethod

CHUNK = 8192  # features or tokens at a time
IMAGES = 2048  # at a time
NOT_READOUTS = ("h", "states", "labels", "logits", "rho")  # of the arrays whose names have no dot


def encode(method: Method, views: Views, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the features (n, V, D) float32 and the states (n, V, A) of the fixed views of a split.

    Features are on the device if they fit, states on the CPU.
    """
    chunks = views.fixed(size=max(1, IMAGES // views.views))
    features: list[Tensor] = []
    states, place = [], device
    for inputs, state in read_ahead(chunks) if device.type == "cuda" else chunks:
        h = method.encoder(inputs.flatten(0, 1)).float()
        place = place if features else find_room(4 * len(views) * views.views * h.shape[-1], device)
        features.append(h.to(place).unflatten(0, inputs.shape[:2]))
        states.append(state)
    return torch.cat(features), torch.cat(states)


def read_ahead(chunks: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same, while a thread prepares the next one: a GPU need not wait."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, chunks, None)
        while (ready := waiting.result()) is not None:
            waiting = thread.submit(next, chunks, None)
            yield ready


def embed_split(
    method: Method, views: Views, contexts: DrawnContexts, device: torch.device
) -> Iterator[tuple[str, Tensor]]:
    """Yield all arrays of one split by name, each made when it is asked for: at full scale 4 GB."""
    features, states = encode(method, views, device)
    yield from {"h": features, "states": states, "labels": torch.from_numpy(views.labels)}.items()
    yield from ((f"attribute.{name}", torch.from_numpy(values)) for name, values in views.attributes.items())
    shape = features.shape[:2]
    flat = features.flatten(0, 1)
    # Predictions are from view 0 to every view of an object: features by the object's number.
    starts, objects = features[:, 0].to(device), torch.arange(len(features)).repeat_interleave(shape[1])
    true_action = method.space.relate(states[:, :1].expand_as(states), states).flatten(0, 1)
    for name in method.embeddings(flat[:1].to(device)):
        yield name, _map(partial(_read_out, method, name), flat, device=device).reshape(*shape, -1)
    if method.logits(flat[:1].to(device)) is not None:
        yield "logits", _map(method.logits, flat, device=device).reshape(*shape, -1)
    if isinstance(method, PredictorMethod):
        predict = partial(_from_starts, starts, partial(_predict, method))
        yield "rho", _map(predict, objects, true_action, device=device).reshape(*shape, -1)
    if not isinstance(method, ContextMethod):
        return
    for name, (context_features, context_actions) in contexts.items():
        context = method.cache_context(context_features, context_actions)
        yield f"z+.{name}", embed_under(method, features, context, device)
        kind, _ = parse_context(name)
        # A control's action has no truth to follow, and a single view none to lead to.
        if kind in method.space.groups and views.views > 1:
            action = method.space.show(true_action, (kind,))
            embed = partial(_from_starts, starts, partial(method.embed, context=context))
            yield f"zr.{name}", _map(embed, objects, action, device=device).reshape(*shape, -1)


def embed_under(method: ContextMethod, features: Tensor, context: Any, device: torch.device) -> Tensor:
    """Return embeddings (n, V, O) with a hidden action, under a digested context, of features (n, V, D)."""
    flat = features.flatten(0, 1)
    hidden = torch.zeros(1, method.space.dim).expand(len(flat), -1)
    embed = partial(method.embed, context=context)
    return _map(embed, flat, hidden, device=device).reshape(*features.shape[:2], -1)


def _map(function: Callable[..., Any], *inputs: Tensor, device: torch.device) -> Tensor:
    """Return the outputs (M, O) float32 of a function of inputs (M, ...), a chunk at a time.

    They are on the device if they fit.
    """
    outputs: list[Tensor] = []
    place = device
    for chunk in zip(*(tensor.split(CHUNK) for tensor in inputs), strict=True):
        output = function(*(part.to(device) for part in chunk)).float()
        place = place if outputs else find_room(4 * len(inputs[0]) * output.shape[-1], device)
        outputs.append(output.to(place))
    return torch.cat(outputs)


def _read_out(method: Method, name: str, features: Tensor) -> Tensor:
    """Return one of the embeddings that a method reads out of features."""
    return method.embeddings(features)[name]


def _predict(method: PredictorMethod, features: Tensor, action: Tensor) -> Tensor:
    """Predict the projected embeddings of second views from the features of first ones and the actions between."""
    return method.predict(method.project(features), action)


def _from_starts(
    starts: Tensor, function: Callable[[Tensor, Tensor], Tensor], objects: Tensor, action: Tensor
) -> Tensor:
    """Return a function of the features `starts` (n, D) of objects (M,) and of actions (M, A)."""
    return function(starts[objects], action)
