"""Small untrained runs with small evaluations, for tests of evaluators."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.evaluation.evaluators.base import Evaluator, make_evaluator
from workflow_scripts.evaluation.run import EvaluatedRun, open_run
from workflow_scripts.evaluation.storage import Storage
from workflow_scripts.experiment.identity import hash_data
from workflow_scripts.methods.base import Task
from workflow_scripts.support.files import hash_settings, write_json
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.training.run import build_method, save_weights

CPU = torch.device("cpu")
EVALUATION = {
    "splits": ["test"],
    "seed": 0,
    "contexts": {"lengths": [0, 2], "controls": ["shuffled"], "control_lengths": [2]},
}
STORED = {"kind": "stored", "groups": ["rotation", "color"], "canonical_quaternions": True, "hue": "linear"}


def shrink(value: Any) -> Any:
    """Settings made small: widths 8, one epoch, and every other large number 16."""
    if isinstance(value, dict):
        return {key: 1 if key == "epochs" else shrink(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [8] * len(value) if value and all(type(entry) is int for entry in value) else value
    return min(value, 16) if type(value) is int else value


def list_defaults(settings: type) -> dict[str, Any]:
    """The defaults of a dataclass, as a config holds them, made small."""
    small: dict[str, Any] = shrink(dataclasses.asdict(settings()))
    return small


def make_run(folder: Path, method: str, views: dict[str, Any], data: Path) -> Path:
    """Make the folder of an untrained run of a method, for the first group if it needs one."""
    rows = views["kind"] == "tabular"
    kind = "mlp" if rows else "small"
    dataset = {"views": views, "holdout": {"share": 0.0, "seed": 0}}
    train = open_views(data, dataset, "train", CPU)
    cls = load_plugin("methods", method, "METHOD")
    settings = {
        "method": method,
        "group": next(iter(train.space.groups), "") if cls.needs_group else "",
        "variant": "",
        "seed": 0,
        "dataset": dataset,
        "encoder": {"kind": kind, **list_defaults(load_plugin("models.encoders", kind, "ENCODER").Settings)},
        "training": {},
        "settings": list_defaults(cls.Settings),
    }
    hashes = {"config": hash_settings(settings), "data": hash_data(data), "hash": "h"}
    identity = {**hashes, "code": "", "torch": torch.__version__}
    write_json(folder / "run.json", {"settings": settings, "identity": identity})
    made = build_method(settings, Task(train.space, train.classes), data)
    save_weights(made, folder / "weights.safetensors", identity)
    return folder


def open_small(
    folder: Path,
    method: str,
    views: dict[str, Any],
    data: Path,
    others: dict[str, Path] | None = None,
    evaluation: dict[str, Any] = EVALUATION,
    storage: Storage | None = None,
) -> EvaluatedRun:
    """Make a run and its embeddings, and open it."""
    run = make_run(folder / "run", method, views, data)
    return open_run(run, data, evaluation, folder / "embeddings", CPU, others or {}, storage)


def make_small_evaluator(name: str) -> Evaluator:
    """An evaluator with its own defaults, made small."""
    cls = load_plugin("evaluation.evaluators", name, "EVALUATOR")
    return make_evaluator(name, list_defaults(cls.Settings))
