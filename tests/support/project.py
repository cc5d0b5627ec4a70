"""The project as a user has it: a copy of it, and its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

from workflow_scripts.start import merge_options
from workflow_scripts.support.errors import UserError

ROOT = Path(__file__).parents[2]
SMOKE = "contextssl/smoke"  # the smallest experiment
SPACE = SMOKE.partition("/")[0]  # where its results and reports are
BINARIES = Path(sys.executable).parent
FOLDERS = ("workflow_scripts", "rules", "papers", "schemas", "profiles", "envs", "tests", "docs")
FILES = (
    "Makefile",
    "Snakefile",
    "config.yaml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "mkdocs.yml",
    "pyproject.toml",
)


def copy_project(folder: Path) -> Path:
    """Make `folder` a copy of the project with this environment, and return it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "api"))
    for name in FILES:
        shutil.copy2(ROOT / name, folder / name)
    environment = Path(sys.executable).parents[1]
    (folder / ".venv").symlink_to(environment)
    for kind in ("runtime", "development"):
        (environment / f"{kind}.installed").touch()  # what runs this test has what the commands need
    return folder


def run_as_user(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a document in a copy of the project, as in a terminal of their own."""
    given = ("ARGS", "EXPERIMENT", "PROFILE", "SEEDS")  # to the make that may run this test
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in given}
    return subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=500
    )


def run_snakemake(folder, *arguments, experiment=SMOKE, root=ROOT, check=True, variables=None):
    """Run an experiment in `folder`, as someone would who uses the workflow from elsewhere."""
    command = [BINARIES / "snakemake", "--snakefile", root / "Snakefile", "--directory", folder, "--cores", "2"]
    command += ["--profile", root / "profiles" / "default"]
    options = merge_options([*map(str, command[1:]), "--config", f"experiment={experiment}", *map(str, arguments)])
    environment = {**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}", **(variables or {})}
    result = subprocess.run([command[0], *options], env=environment, capture_output=True, text=True, timeout=550)
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
    return result


def call(module, *arguments):
    """Call a rule's `main` with arguments, without the seconds that a process of its own takes."""
    with mock.patch.object(sys, "argv", [module.__name__, *map(str, arguments)]):
        module.main()


def tell(function: Callable[..., object], *arguments: object) -> str:
    """Return the one sentence that a mistake is told in."""
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refuse(module: ModuleType, *arguments: object) -> str:
    """Call a rule's `main` that must end with code 1, and return the one sentence that a terminal shows."""
    with pytest.raises(SystemExit) as stopped:
        call(module, *arguments)
    said = stopped.value.code
    assert isinstance(said, str)  # which Python prints on stderr, and ends with 1
    assert said.startswith("error: ")
    assert "\n" not in said
    return said
