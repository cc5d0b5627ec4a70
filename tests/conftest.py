"""Fixtures shared by all tests."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from project import ROOT, SMOKE, call, copy_project
from raw_trees import make_small_3diebench, without_sync, write_manifest

from workflow_scripts import pack, render, synthesize
from workflow_scripts.data import writer

# Minutes each: of several workers (`make test`), each takes the first file that none has taken.
LONG = ("workflow", "readme", "extending", "gpu_check", "pretrain")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first where several workers share the tests."""
    if hasattr(config, "workerinput"):
        ranks = {f"test_{name}": rank for rank, name in enumerate(LONG)}
        items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def unsynced() -> Iterator[None]:
    """Writing without waiting for the disk."""
    with without_sync():
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of a small tree: 8 train and 4 val objects, 3 views."""
    folder = tmp_path_factory.mktemp("raw")
    return write_manifest(folder / "raw.json", make_small_3diebench(folder / "raw"))


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two objects a task, so that small data make many tasks."""
    monkeypatch.setattr(writer, "IMAGES_PER_TASK", 6)


@pytest.fixture
def shared_data() -> Path:
    """Real data beside the checkout; a user does not have it."""
    folder = ROOT / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data beside this checkout (../shared/data) is absent")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project with this environment, for commands of its documents, which add to it."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def run_module():
    """Run `python -m workflow_scripts.<module>` and return the finished process."""

    def run(module: str, *arguments: object, check: bool = True, **options) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", f"workflow_scripts.{module}", *map(str, arguments)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, **options)
        if check:
            assert result.returncode == 0, result.stderr
        return result

    return run


@pytest.fixture(scope="session")
def small_config() -> dict:
    """The config of the default experiment. Read only."""
    from workflow_scripts.experiment.config import load_experiment

    return load_experiment("contextssl/small")


@pytest.fixture
def config(small_config) -> dict:
    """The config of the default experiment, to be changed."""
    return copy.deepcopy(small_config)


@pytest.fixture(scope="session")
def smoke_config() -> dict:
    """The config of the smallest experiment."""
    from workflow_scripts.experiment.config import load_experiment

    return load_experiment(SMOKE)


@pytest.fixture(scope="session")
def smoke_packed(smoke_config, tmp_path_factory) -> Path:
    """The smoke data set, rendered and packed once for all tests. Read only."""
    folder = tmp_path_factory.mktemp("smoke")
    raw, manifest, sheet, packed = (folder / name for name in ("raw", "raw.json", "sheet.png", "packed"))
    settings = json.dumps(smoke_config["sources"]["smoke"]["render"])
    files = ["--raw", raw, "--manifest", manifest, "--contact-sheet", sheet]
    call(render, *files, "--source", "smoke", "--settings", settings)
    options = ["--layout", "threediebench", "--resolution", 32, "--workers", 1]
    call(pack, "--manifest", manifest, "--output", packed, *options)
    return packed


@pytest.fixture(scope="session")
def smoke_table(tmp_path_factory) -> Path:
    """Synthetic patients, packed once for all tests. Read only."""
    folder = tmp_path_factory.mktemp("smoke-table")
    raw, manifest, packed = (folder / name for name in ("raw", "raw.json", "packed"))
    settings = json.dumps({"kind": "mimic3", "patients": 120, "seed": 0})
    call(synthesize, "--raw", raw, "--manifest", manifest, "--source", "smoke-table", "--settings", settings)
    call(pack, "--manifest", manifest, "--output", packed, "--layout", "mimic3", "--workers", 1)
    return packed
