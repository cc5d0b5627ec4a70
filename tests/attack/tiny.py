"""The smallest DAG, as a process that can be harmed, and what it must yield in spite of that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
EXPERIMENT = ["--config", "experiment=contextssl/smoke", "--configfile", Path(__file__).parent / "tiny.yaml"]
SPACE = Path("results/contextssl")
RUN = SPACE / "smoke/contextssl/seed0"
METRICS = SPACE / "metrics"
EVALUATION = [RUN / "rows" / f"evaluation.{end}" for end in ("parquet", "json")]
RESULTS = [METRICS / "smoke.csv", RUN / "weights.safetensors", *EVALUATION]
TABLE = Path("reports/contextssl/smoke/tables/contextssl/smoke.main.csv")
LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Trial:
    """One fault: its kind, whether nothing was lost or silently wrong, and what the user saw of it."""

    kind: str
    survived: bool
    seen: str


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the workflow in `folder` as `make reproduce` does."""
    binaries = Path(sys.executable).parent
    command = [sys.executable, "-m", "workflow_scripts.start", "--profile", ROOT / "profiles" / "default"]
    command += ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--quiet", "rules", *EXPERIMENT]
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    options = {"cwd": folder, "env": environment, "text": True, "stdout": pipe, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*map(str, command), *arguments], **options, start_new_session=True)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the workflow to its end, and return its exit code and all it printed."""
    process = start(folder, *arguments)
    output, _ = process.communicate(timeout=LIMIT_SECONDS)
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


def list_workers(pid: int) -> dict[str, list[psutil.Process]]:
    """Return the living processes under `pid` by kind: snakemake, pretrain, evaluate, ..."""
    kinds: dict[str, list[psutil.Process]] = {}
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return kinds
    for process in processes:
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        kind = next((word.rpartition(".")[2] for word in words if word.startswith("workflow_scripts.")), "")
        if any(Path(word).name == "snakemake" for word in words[:3]):
            kind = "snakemake"
        if kind and Path(words[0]).name not in ("bash", "sh"):
            kinds.setdefault(kind, []).append(process)
    return kinds


def copy_finished(finished: Path, folder: Path) -> Path:
    """Return `folder`, a copy of a finished workflow, times of modification included."""
    shutil.copytree(finished, folder, symlinks=True)
    return folder
