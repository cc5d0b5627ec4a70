"""A finished experiment without its trainings: untrained runs of real settings, with made-up rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from project import SMOKE

from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.experiment.runs import get_labels, get_settings, list_runs
from workflow_scripts.methods.base import Task
from workflow_scripts.rows import make_rows, write_rows
from workflow_scripts.support.files import write_text
from workflow_scripts.training.run import build_method, save_weights

TABLE = "smoke-table"
# Of `--config`: two runs on a small table.
PAIRS = [
    f"experiment={SMOKE}",
    f"datasets=[{TABLE}]",
    "seeds=[0,1]",
    f"dataset_settings={{{TABLE}: {{methods: [constant]}}}}",
]
MEASURED = {"representation": "h", "condition": "", "level": None, "split": "test", "task": "class", "n": 9}


def load_small() -> dict[str, Any]:
    """The config of `PAIRS`."""
    own = {TABLE: {"methods": ["constant"]}}
    return load_experiment(SMOKE, {"datasets": [TABLE], "seeds": [0, 1], "dataset_settings": own})


def finish_runs(folder: Path, config: dict[str, Any], packed: Path) -> list[Path]:
    """Write packed data and runs of an experiment on one source below `folder`, and return the runs' folders."""
    space, dataset = config["experiment"].partition("/")[0], config["datasets"][0]
    data = folder / "results" / space / "data" / config["dataset_settings"][dataset]["source"] / "packed"
    shutil.copytree(packed, data)
    made = []
    for run in list_runs(config):
        home, settings = folder / run.folder, get_settings(config, run)
        identity = claim_run(home, settings, data)
        views = open_views(data, settings["dataset"], "train", torch.device("cpu"))
        save_weights(
            build_method(settings, Task(views.space, views.classes), data), home / "weights.safetensors", identity
        )
        hashes = {"config_hash": identity["config"], "data_hash": identity["data"], "code_hash": "c", "device": "cpu"}
        row = {**get_labels(run), **MEASURED, **hashes, "metric": "top1", "value": 0.5 + run.seed, "run": run.folder}
        write_rows(make_rows([row]), home / "rows" / "evaluation.parquet")
        write_text(home / "MODEL_CARD.md", "A card.\n")
        write_text(home / "pretrain.time.tsv", "s\th:m:s\n1.5\t0:00:01\n")
        (home / "state").mkdir()
        (home / "state" / "checkpoint.pt").write_bytes(b"a pickle")
        made.append(home)
    return made
