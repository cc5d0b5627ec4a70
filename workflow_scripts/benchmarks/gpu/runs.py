"""Runs without a workflow: from settings and packed data to a trained method, to rows."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.benchmarks.training import Forgetful, Mode
from workflow_scripts.data.views import open_views
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.run import EvaluatedRun, embed_run
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.rows import Row
from workflow_scripts.training.loop import Engine, train
from workflow_scripts.training.run import build_method


@dataclass(frozen=True)
class OpenedData:
    """The packed data of a run, opened to train on. settings: the run's."""

    data: Path
    settings: dict[str, Any]
    device: torch.device
    views: Views

    def build(self) -> Method:
        """Return the run's method with its initial weights."""
        return build_method(self.settings, Task(self.views.space, self.views.classes), self.data)


def open_data(data: Path, settings: dict[str, Any], device: torch.device) -> OpenedData:
    """Open the training split of packed data for a run."""
    return OpenedData(data, settings, device, open_views(data, settings["dataset"], "train", device))


def thin_dataset(opened: OpenedData, objects: int) -> dict[str, Any]:
    """Return a run's `dataset` with about so many training objects, the others held out, too; never with more."""
    dataset = opened.settings["dataset"]
    share = max(dataset["holdout"]["share"], 1 - objects / len(opened.views))
    return {**dataset, "holdout": {**dataset["holdout"], "share": share}}


def shorten(training: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return settings of a training of fewer steps, its warm-up shorter in proportion; never of more."""
    steps = min(steps, training["steps"])
    schedule = dict(training["schedule"])
    schedule["warmup_steps"] = round(schedule["warmup_steps"] * steps / training["steps"])
    return {**training, "steps": steps, "schedule": schedule}


def train_run(
    opened: OpenedData, training: dict[str, Any], method: Method | None = None, state: Any = None, mode: Mode = "off"
) -> Method:
    """Train a method, by default the run's from its initial weights, and return it. state: by default nothing is kept.

    mode: whether its encoder is compiled.
    """
    method = method or opened.build()
    engine = Engine(opened.device, checkpoint_seconds=1e9, compile=mode)
    kept: Any = state or Forgetful()
    train(method, opened.views, training, opened.settings["seed"], kept, engine)
    return method


def embed_method(
    method: Method, opened: OpenedData, evaluation: dict[str, Any], folder: Path, dataset: dict[str, Any] | None = None
) -> EvaluatedRun:
    """Embed the run's data by a copy of a method, which may be in training. dataset: in place of the settings' own.

    folder: for what does not stay in memory.
    """
    settings = {**opened.settings, "dataset": dataset or opened.settings["dataset"]}
    train = open_views(opened.data, dataset, "train", opened.device) if dataset else opened.views
    with torch.no_grad():
        still = copy.deepcopy(method).to(opened.device).eval()
    return embed_run(still, train, settings, opened.data, evaluation, folder, opened.device, {})


def measure_rows(run: EvaluatedRun, evaluation: dict[str, Any]) -> list[Row]:
    """Return the rows of a run, of plain numbers. evaluation: a config's section."""
    evaluators = {name: make_evaluator(name, settings) for name, settings in evaluation["evaluators"].items()}
    rows, _ = measure(run, evaluators)
    return [{key: value.item() if hasattr(value, "item") else value for key, value in row.items()} for row in rows]
