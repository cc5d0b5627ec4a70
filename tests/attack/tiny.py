"""The smallest DAG, as a process that can be harmed, and what it must yield in spite of that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from tests.attack.trial import HangError
from tests.attack.trial import Trial as Trial

ROOT = Path(__file__).parents[2]
EXPERIMENT = ["--config", "experiment=contextssl/smoke", "--configfile", Path(__file__).parent / "tiny.yaml"]
SPACE = Path("results/contextssl")
RUN = SPACE / "smoke/contextssl/seed0"
METRICS = SPACE / "metrics"
EVALUATION = [RUN / "rows" / f"evaluation.{end}" for end in ("parquet", "json")]
RESULTS = [METRICS / "smoke.csv", RUN / "weights.safetensors", *EVALUATION]
TABLE = Path("reports/contextssl/smoke/tables/contextssl/smoke.main.csv")
LIMIT_SECONDS = 600


def make_environment() -> dict[str, str]:
    """Return the variables that `make` would set."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the workflow in `folder` as `make reproduce` does."""
    command = [sys.executable, "-m", "workflow_scripts.start", "--profile", ROOT / "profiles" / "default"]
    command += ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--quiet", "rules", *EXPERIMENT]
    pipe = subprocess.PIPE
    options = {"cwd": folder, "env": make_environment(), "text": True, "stdout": pipe, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*map(str, command), *arguments], **options, start_new_session=True)


def wait(process: subprocess.Popen[str], seconds: float = LIMIT_SECONDS) -> str:
    """Return all that a started workflow prints until its end; raise `HangError` where that does not come."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        raise HangError(f"the workflow did not end within {seconds:.0f} s") from None


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the workflow to its end, and return its exit code and all it printed."""
    process = start(folder, *arguments)
    output = wait(process)
    return process.returncode, output


def what_was_said(output: str) -> str:
    """Return the sentence that a user is meant to read, of all that the workflow printed."""
    lines = [line.strip() for line in output.splitlines()]
    for mark in ("error: ", "warning: ", "LockException", "Write-protected output files", "Error: "):
        if found := [line for line in lines if mark in line]:
            return found[0][found[0].index(mark) :]
    return ""


def read_results(folder: Path) -> dict[str, bytes]:
    """Return the content of what must be the same whatever happens; absent files are empty."""
    return {str(name): (folder / name).read_bytes() if (folder / name).exists() else b"" for name in RESULTS}


def name_kind(words: list[str]) -> str:
    """Return which process a command line is of: start, snakemake, pretrain, ..., worker; "" = a shell, or none."""
    if not words or Path(words[0]).name in ("bash", "sh", "tee"):
        return ""
    if any(Path(word).name == "snakemake" for word in words[:3]):
        return "snakemake"
    if any("multiprocessing" in word for word in words):
        return "" if "resource_tracker" in " ".join(words) else "worker"
    return next((word.rpartition(".")[2] for word in words if word.startswith("workflow_scripts.")), "")


def list_workers(pid: int) -> dict[str, list[psutil.Process]]:
    """Return the living processes under `pid` by kind: snakemake, pretrain, evaluate, ..."""
    kinds: dict[str, list[psutil.Process]] = {}
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return kinds
    for process in processes:
        try:
            kind = name_kind(process.cmdline())
        except psutil.Error:
            continue
        if kind:
            kinds.setdefault(kind, []).append(process)
    return kinds


def copy_finished(finished: Path, folder: Path) -> Path:
    """Return `folder`, a copy of a finished workflow, times of modification included."""
    shutil.copytree(finished, folder, symlinks=True)
    return folder
