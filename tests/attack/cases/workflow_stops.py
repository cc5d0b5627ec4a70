"""Attacks on a workflow that runs: signals, a second one beside it, no room for temporary files, no right to write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from tests.attack.case import RIGHT, ROOT, Case, Seen, call
from tests.attack.cases.workflow import FEW, ROWS, RUN, finish

TARGET = RUN / "weights.safetensors"
LONG = [*FEW[:3], 'training={"steps": 100000}']  # a training that would take minutes
SECONDS = 120.0
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def list_options(target: Path = TARGET, config: list[str] | None = None) -> list[str]:
    """Return Snakemake's options for one file of the tiny experiment."""
    options = ["--profile", ROOT / "profiles/default", "--snakefile", ROOT / "Snakefile", "--cores", "2"]
    return [*map(str, options), "--quiet", "rules", "host", "--config", *(config or LONG), "--", str(target)]


def begin(folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start a training in a copy of what is finished, without its run, and wait until it has made steps."""
    shutil.copytree(finish(), folder, symlinks=True)
    shutil.rmtree(folder / RUN)
    command = [sys.executable, "-m", "workflow_scripts.start", *list_options()]
    # A shell starts what runs in its background with signals ignored, and children inherit that.
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)],
        )
    limit = time.monotonic() + SECONDS
    while not (folder / RUN / "state" / "history.jsonl").exists() and time.monotonic() < limit:
        time.sleep(0.1)
    return process


def find_processes(folder: Path) -> list[psutil.Process]:
    """Return the living processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder.resolve() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def stop(number: signal.Signals) -> Callable[[Path], Seen]:
    """Return an attack: a signal in the middle of a training; nothing may be left, and the next call goes on."""

    def act(folder: Path) -> Seen:
        here, output = folder / "here", folder / "output"
        process = begin(here, output)
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Seen(None, output.read_text())
        _, alive = psutil.wait_procs(find_processes(here), timeout=10)
        said = output.read_text()
        if alive:
            for left in alive:
                left.kill()
            return Seen(0, said, f"{len(alive)} processes are left")
        if "CalledProcessError" in said or "Traceback" in said:
            return Seen(0, said, "it shows errors of what it ended itself")
        again = call("start", *list_options(config=[*LONG[:3], 'training={"steps": 100000}'])[:-2],
                     "--dry-run", "--", TARGET, cwd=here, seconds=SECONDS, environment=ENVIRONMENT)  # fmt: skip
        goes_on = (here / RUN / "state" / "checkpoint.pt").exists()
        return replace(again, problem="" if goes_on else "there is no checkpoint")

    return act


def run_beside(folder: Path) -> Seen:
    """A second workflow in the same folder."""
    process = begin(folder / "here", folder / "output")
    try:
        return call("start", *list_options(), cwd=folder / "here", seconds=SECONDS, environment=ENVIRONMENT)
    finally:
        process.terminate()
        process.wait(30)


def without_room(folder: Path) -> Seen:
    """TMPDIR on a disk of 16 kB, as the workflow says what it will do."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], check=True)
    try:
        (disk / "half").write_bytes(bytes(6000))
        variables = {**ENVIRONMENT, "TMPDIR": str(disk), "EXPERIMENT": FEW[0].partition("=")[2]}
        options = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
        return call("plan", *options, cwd=ROOT, seconds=SECONDS, environment=variables)
    finally:
        subprocess.run(["umount", disk], check=False)


def read_only(module: str) -> Callable[[Path], Seen]:
    """Return an attack: a command in a folder of somebody else's."""

    def act(folder: Path) -> Seen:
        here = folder / "here"
        shutil.copytree(finish(), here, symlinks=True)
        for name in ("workflow_scripts", "papers", "schemas", "profiles", "envs", "docs", "rules"):
            (here / name).symlink_to(ROOT / name)
        for name in ("config.yaml", "Snakefile"):
            shutil.copy(ROOT / name, here)
        subprocess.run(["chmod", "-R", "a-w", here], check=True)
        arguments = list_options(ROWS, list(FEW)) if module == "start" else []
        rights = "-dac_override,-dac_read_search,-fowner"  # what lets root write everywhere
        words = ["setpriv", f"--bounding-set={rights}", sys.executable, "-m", f"workflow_scripts.{module}", *arguments]
        variables = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT), "EXPERIMENT": FEW[0].partition("=")[2]}
        variables.pop("SEEDS", None)
        done = subprocess.run(words, cwd=here, env=variables, capture_output=True, text=True, timeout=SECONDS)
        subprocess.run(["chmod", "-R", "u+w", here], check=True)
        return Seen(done.returncode, done.stdout + done.stderr)

    return act


STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
CASES = [
    *(Case(f"{number.name} while a training runs", stop(number), RIGHT) for number in STOPS),
    Case("a second workflow in the same folder", run_beside, says="this workflow is running here already"),
    *(
        [
            Case("TMPDIR with no room for what is planned", without_room, says="make room there, or set TMPDIR"),
            Case("plan in a folder that is read only", read_only("plan"), says="is not writable for you"),
            Case("run in a folder that is read only", read_only("start"), says="Permission denied.*writable folder"),
            Case("status in a folder that is read only", read_only("status"), RIGHT),
            Case("experiments in a folder that is read only", read_only("experiments"), RIGHT),
        ]
        if os.geteuid() == 0  # who may mount, and drop rights
        else []
    ),
]
