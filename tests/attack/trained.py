"""Small trainings and evaluations within this process: what attacks on weights, checkpoints and rows begin from."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from tests.attack.case import Seen

EXPERIMENT, DATASET = "contextssl/smoke", "smoke"
OPTIONS = ["--device", "cpu"]
ROWS, SUMMARY = Path("rows/evaluation.parquet"), Path("rows/evaluation.json")
WEIGHTS, CHECKPOINT, HISTORY = Path("weights.safetensors"), Path("state/checkpoint.pt"), Path("state/history.jsonl")
Latents = Callable[[np.ndarray], np.ndarray]


def run(module: ModuleType, *arguments: object) -> Seen:
    """Call a rule's `main` as a command, and say what a terminal would have shown."""
    said, code = io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", [module.__name__, *map(str, arguments)]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        try:
            module.main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 1
            said.write("" if isinstance(stopped.code, int) else f"{stopped.code}\n")
        except Exception:
            code = 1
            said.write(traceback.format_exc())
    return Seen(code, said.getvalue())


def pack_objects(folder: Path, count: int = 40, latents: Latents | None = None, classes: int = 2) -> Path:
    """Pack a small tree of noise at 8 pixels, and return where. latents: changes those (7,) of each view."""
    from tests.support.raw_trees import make_3diebench, without_sync, write_manifest
    from workflow_scripts.data.packing import pack

    objects = [(f"/{'abc'[i % classes]}/{i:04d}/", i % classes) for i in range(count)]
    root = make_3diebench(folder / "raw", objects[: -count // 4], objects[-count // 4 :], side=8)
    for file in root.rglob("latent_*.npy") if latents else ():
        np.save(file, latents(np.load(file)))  # type: ignore[misc]
    with without_sync(), contextlib.redirect_stdout(io.StringIO()):
        pack(write_manifest(folder / "raw.json", root), folder / "packed", "threediebench", 8, workers=1)
    return folder / "packed"


@cache
def keep(name: str) -> Path:
    """Return a folder that lives as long as this process. name: of what is in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"attack-{name}-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def good_data() -> Path:
    """Return a small packed data set, made once a process. Read only."""
    return pack_objects(keep("data"))


@cache
def load_config() -> dict[str, Any]:
    """Return the config of the smallest experiment. Read only."""
    from workflow_scripts.experiment.config import load_experiment

    return load_experiment(EXPERIMENT)


def settings_of(name: str = "simclr", **training: Any) -> dict[str, Any]:
    """Return the settings of a run, with other settings of its training."""
    from workflow_scripts.experiment.runs import get_settings, parse_run

    settings = get_settings(load_config(), parse_run("contextssl", DATASET, name, 0))
    return {**settings, "training": {**settings["training"], "steps": 3, "batch": 8, **training}}


def train(folder: Path, settings: dict[str, Any], data: Path, *more: object) -> Seen:
    """Train in a folder, as rule `pretrain` does."""
    from workflow_scripts import pretrain

    given = ["--data", data, "--run", folder, "--settings", json.dumps(settings), "--log-every", 1]
    return run(pretrain, *given, *OPTIONS, *more)


@cache
def good_run() -> Path:
    """Return the folder of a small finished training, made once a process. Read only: copy it."""
    folder = keep("run") / "seed0"
    seen = train(folder, settings_of(), good_data())
    assert seen.code == 0, seen.output
    return folder


def copy_run(folder: Path) -> Path:
    """Return a copy of the finished training within a folder."""
    return Path(shutil.copytree(good_run(), folder / "seed0"))


def evaluate(folder: Path, data: Path, *more: object, **changes: Any) -> Seen:
    """Evaluate a run, as rule `evaluate` does. changes: of the config's section on evaluation."""
    from workflow_scripts import evaluate as module

    labels = {"dataset": DATASET, "method": "simclr", "group": "", "variant": "", "seed": 0}
    evaluation = {
        **load_config()["evaluation"],
        "evaluators": {"classes": load_config()["evaluation"]["evaluators"]["classes"]},
        **changes,
    }
    options = {
        "--data": data,
        "--run": folder,
        "--evaluation": json.dumps(evaluation),
        "--labels": json.dumps(labels),
        "--output": folder / ROWS,
        "--summary": folder / SUMMARY,
        "--card": folder / "MODEL_CARD.md",
    }
    return run(module, *(part for option in options.items() for part in option), *OPTIONS, *more)


def follow(sentence: str, folder: Path, *names: Path | str) -> str:
    """Delete what a sentence says is to be deleted; return what is wrong with it, "" where nothing is."""
    for path in (folder / name for name in names):
        if str(path) not in sentence:
            return f"the sentence does not name {path}: {sentence}"
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return ""
