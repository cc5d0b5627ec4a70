"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from raw_trees import make_small_3diebench, without_sync, write_manifest

from workflow_scripts.data import writer

ROOT = Path(__file__).parents[1]


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


PARTS = ("workflow_scripts", "rules", "papers", "experiments", "schemas", "profiles", "envs", "tests", "docs")


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project with this environment, for commands of its documents, which add to it."""
    folder = tmp_path_factory.mktemp("project")
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "api"))
    for name in ("Makefile", "Snakefile", "config.yaml", "README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    environment = Path(sys.executable).parents[1]
    (folder / ".venv").symlink_to(environment)
    for kind in ("runtime", "development"):
        (environment / f"{kind}.installed").touch()  # what runs this test has what the commands need
    return folder


def run_as_user(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a document in a copy of the project, as in a terminal of their own."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=500
    )


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
def smoke_config() -> dict:
    """The config of experiments/smoke.yaml."""
    from workflow_scripts.experiment.config import read_yaml
    from workflow_scripts.experiment.runs import merge

    return merge(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "experiments" / "smoke.yaml"))


@pytest.fixture(scope="session")
def smoke_packed(smoke_config, tmp_path_factory) -> Path:
    """The smoke data set, rendered and packed once for all tests. Read only."""
    folder = tmp_path_factory.mktemp("smoke")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    source = smoke_config["sources"]["smoke"]
    render = ["--raw", "raw", "--manifest", "raw.json", "--contact-sheet", "sheet.png", "--source", "smoke"]
    pack = ["--manifest", "raw.json", "--output", "packed", "--layout", "threediebench", "--resolution", "32"]
    for arguments in (["render", *render, "--settings", json.dumps(source["render"])], ["pack", *pack]):
        command = [sys.executable, "-m", f"workflow_scripts.{arguments[0]}", *arguments[1:]]
        subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "packed"
