"""Embeddings of a split: each image is encoded once, each (context, length) costs one predictor pass.

Stored as one `.npy` an array in a folder, each (n, V, width) for n objects of V views:

- `h`, the encoder's features; `g`, what the projector makes of them, if the method has one;
- `rho`, for a method with an equivariant predictor: its prediction from view 0 under the true action to view i;
- `z+.<context>`, for a method with a context: embeddings with a hidden action, under each context and length;
- `zr.<context>`: embeddings of view 0 with the true action to view i, under each true context;
- `states` and `labels` (n,), the truth, and of tables `attribute.<name>` (n,);

and last `manifest.json`, which says what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.views import Views, open_views
from workflow_scripts.evaluation.contexts import Contexts, draw_context, make_contexts, parse_context
from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.methods.base import ContextMethod, Method, PredictorMethod
from workflow_scripts.support.files import write_json
from workflow_scripts.training.run import load_run

CHUNK = 8192  # features or tokens at a time


def encode(method: Method, views: Views) -> tuple[np.ndarray, Tensor]:
    """Return the features (n, V, D) float32 and the states (n, V, A) of the fixed views of a split."""
    features, states = [], []
    for inputs, state in views.fixed(size=max(1, 2048 // views.views)):
        h = method.encoder(inputs.flatten(0, 1)).float().cpu()
        features.append(h.unflatten(0, inputs.shape[:2]).numpy())
        states.append(state)
    return np.concatenate(features), torch.cat(states)


def _map(function: Callable[..., Any], *inputs: Tensor, device: torch.device) -> np.ndarray:
    """Return the outputs (M, O) float32 of a function of inputs (M, ...), a chunk at a time."""
    chunks = zip(*(tensor.split(CHUNK) for tensor in inputs), strict=True)
    return np.concatenate([function(*(part.to(device) for part in chunk)).float().cpu().numpy() for chunk in chunks])


def embed_split(
    method: Method,
    views: Views,
    contexts: Contexts,
    device: torch.device,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all arrays of one split by name, each made when it is asked for: in the paper's setting 4 GB."""
    features, states = encode(method, views)
    yield from {"h": features, "states": states.numpy(), "labels": views.labels}.items()
    yield from ((f"attribute.{name}", values) for name, values in views.attributes.items())
    shape = features.shape[:2]
    flat = torch.from_numpy(features).flatten(0, 1)
    first = torch.from_numpy(features)[:, :1].expand(-1, shape[1], -1).flatten(0, 1)
    true_action = method.space.relate(states[:, :1].expand_as(states), states).flatten(0, 1)
    if method.project(flat[:1].to(device)) is not None:
        yield "g", _map(method.project, flat, device=device).reshape(*shape, -1)
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


def _predict(method: PredictorMethod, features: Tensor, action: Tensor) -> Tensor:
    """Predict the projected embeddings of second views from the features of first ones and the actions between."""
    return method.predict(method.project(features), action)


def embed_run(run: Path, data: Path, evaluation: dict[str, Any], folder: Path, device: torch.device) -> None:
    """Embed the training split and every evaluated split of a run, under every context, into `folder`.

    data: folder of the packed data. Raises `UserError` for weights that are damaged or of another run.
    """
    settings, _ = read_identity(run)
    train = open_views(data, settings["dataset"], "train", device)
    method = load_run(run, data, device, train.space)
    contexts: Contexts = {}
    splits = ["train", *evaluation["splits"]]
    with torch.inference_mode():
        if isinstance(method, ContextMethod):
            longest = max([*evaluation["context_lengths"], *evaluation["control_lengths"]])
            features, actions = draw_context(method, train, longest // 2, evaluation["seed"])
            contexts = make_contexts(method, features, actions, evaluation)
        folder.mkdir(parents=True)
        for split in splits:
            views = open_views(data, settings["dataset"], split, device)
            names = write_arrays(folder, split, embed_split(method, views, contexts, device))
    manifest = {
        "groups": {name: [entries.start, entries.stop] for name, entries in method.space.groups.items()},
        "arrays": sorted(names),
        "contexts": list(contexts),
        "attributes": list(train.attributes),
        "class_views": [train.class_views.start, train.class_views.stop],
        "pair_views": [train.pair_views.start, train.pair_views.stop],
        "splits": splits,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    write_json(folder / "manifest.json", manifest)


def write_arrays(folder: Path, split: str, arrays: Iterator[tuple[str, np.ndarray]]) -> list[str]:
    """Write each array of a split as `<split>.<name>.npy` as it comes, and return the names."""
    names = []
    for name, array in arrays:
        np.save(folder / f"{split}.{name}.npy", array, allow_pickle=False)
        names.append(name)
    return names


def read_array(folder: Path, split: str, name: str) -> np.ndarray:
    """Open one stored array, memory-mapped."""
    array: np.ndarray = np.load(folder / f"{split}.{name}.npy", mmap_mode="r", allow_pickle=False)
    return array
