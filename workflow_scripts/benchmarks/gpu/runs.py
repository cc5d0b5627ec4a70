"""Runs without a workflow: from settings and packed data to a trained method, to weights on disk, to rows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.benchmarks.gpu.scale import Settings
from workflow_scripts.benchmarks.training import Forgetful, Mode
from workflow_scripts.data.views import open_views
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.run import EvaluatedRun, open_run
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.rows import Row
from workflow_scripts.training.loop import Engine, train
from workflow_scripts.training.run import build_method, save_weights


@dataclass(frozen=True)
class OpenedData:
    """The packed data of a run, opened to train on. settings: the run's."""

    data: Path
    settings: Settings
    device: torch.device
    views: Views

    def build(self) -> Method:
        """Return the run's method with its initial weights."""
        return build_method(self.settings, Task(self.views.space, self.views.classes), self.data)


def open_data(data: Path, settings: Settings, device: torch.device) -> OpenedData:
    """Open the training split of packed data for a run."""
    return OpenedData(data, settings, device, open_views(data, settings["dataset"], "train", device))


def thin_dataset(opened: OpenedData, objects: int) -> Settings:
    """Return a run's `dataset` with about so many training objects, the others held out, too; never with more."""
    dataset = opened.settings["dataset"]
    share = max(dataset["holdout"]["share"], 1 - objects / len(opened.views))
    return {**dataset, "holdout": {**dataset["holdout"], "share": share}}


def shorten(training: Settings, steps: int) -> Settings:
    """Return settings of a training of fewer steps, its warm-up shorter in proportion; never of more."""
    steps = min(steps, training["steps"])
    schedule = dict(training["schedule"])
    schedule["warmup_steps"] = round(schedule["warmup_steps"] * steps / training["steps"])
    return {**training, "steps": steps, "schedule": schedule}


def train_run(
    opened: OpenedData, training: Settings, method: Method | None = None, state: Any = None, mode: Mode = "off"
) -> Method:
    """Train a method, by default the run's from its initial weights, and return it. state: by default nothing is kept.

    mode: whether its encoder is compiled.
    """
    method = method or opened.build()
    engine = Engine(opened.device, checkpoint_seconds=1e9, compile=mode)
    kept: Any = state or Forgetful()
    train(method, opened.views, training, opened.settings["seed"], kept, engine)
    return method


def store_run(method: Method, opened: OpenedData, folder: Path, dataset: Settings | None = None) -> Path:
    """Write a run's folder, to be evaluated, and return it. dataset: in place of the settings' own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {**opened.settings, "dataset": dataset or opened.settings["dataset"]}
    save_weights(method, folder / "weights.safetensors", claim_run(folder, settings, opened.data))
    return folder


def open_stored(folder: Path, opened: OpenedData, evaluation: Settings) -> EvaluatedRun:
    """Embed the data of a stored run."""
    return open_run(folder, opened.data, evaluation, folder / "embeddings", opened.device, {})


def evaluate_run(folder: Path, opened: OpenedData, evaluation: Settings) -> list[Row]:
    """Return the rows of a stored run, and delete its folder. evaluation: a config's section."""
    evaluators = {name: make_evaluator(name, settings) for name, settings in evaluation["evaluators"].items()}
    rows, _ = measure(open_stored(folder, opened, evaluation), evaluators)
    shutil.rmtree(folder)
    return [{key: value.item() if hasattr(value, "item") else value for key, value in row.items()} for row in rows]
