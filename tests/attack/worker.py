"""The process in which attacks are made: one may hang, eat memory, crash, or leave processes behind.

The runner watches it from outside, ends it with all that it started, and begins the next one where it stopped.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from tests.attack.case import HANG, TRACEBACK
from tests.attack.trial import Attack, HangError, Trial, make_hang

MEMORY = 8 << 30  # bytes that the process and all that it started may have resident
PATIENCE = 10.0  # seconds for processes to end by themselves after an attack: jobs of a killed Snakemake take five
PAUSE = 0.5  # seconds between looks at the memory
CHILD_SUBREAPER = 36  # of prctl(2): orphans become children of this process
HELPERS = ("resource_tracker", "forkserver")  # of Python's multiprocessing: they live as long as their process


@dataclass(frozen=True)
class Part:
    """Where attacks come from: `function(**options)` of `module` returns attacks, or generates trials it has made."""

    module: str
    function: str
    options: dict[str, Any] = field(default_factory=dict)
    limit: float = 900.0  # seconds for one trial of a generator, until it counts as hanging
    patience: float = PATIENCE


@dataclass
class Progress:
    """How far a part is. known: number of attacks; None = not known before."""

    known: int | None = None
    done: int = 0
    cut: bool = False  # by the deadline

    @property
    def missed(self) -> str:
        """Say what did not fit, "" where all did."""
        if not self.cut:
            return ""
        return f"{self.known - self.done} of {self.known} not tried" if self.known is not None else "cut short"


def adopt_orphans() -> None:
    """Become the parent of processes whose parent ends, so that none is lost sight of."""
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)


def list_children() -> list[psutil.Process]:
    """Return all living processes under this one, but for helpers of Python itself."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            words = " ".join(process.cmdline())
            if process.status() == psutil.STATUS_ZOMBIE:
                process.wait(0)
            elif not any(helper in words for helper in HELPERS):
                found.append(process)
        except (psutil.Error, ChildProcessError):
            continue
    return found


def end_tree(pid: int) -> None:
    """Kill a process and all under it."""
    try:
        process = psutil.Process(pid)
        tree = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for each in tree:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(tree, timeout=5)


def end_leftovers(patience: float = PATIENCE) -> list[str]:
    """Wait for all processes under this one to end; kill the others, and return their command lines."""
    left = list_children()
    if left:
        _, left = psutil.wait_procs(left, timeout=patience)
    names = []
    for process in left:
        try:
            names.append(" ".join(process.cmdline())[:100])
            end_tree(process.pid)
        except psutil.Error:
            continue
    return names


def unmount(folder: Path) -> None:
    """Unmount all that is mounted within `folder`: attacks on disks that were ended cannot."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1].encode().decode("unicode_escape")  # spaces are written as \040
        if Path(place).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


def attack_once(attack: Attack, folder: Path, patience: float) -> list[Trial]:
    """Make an attack in `folder`; errors and processes that are left are trials that did not survive."""
    try:
        trials = attack.act(folder)
    except HangError as error:
        trials = [make_hang(attack, str(error))]
    except BaseException:
        trials = [replace(make_hang(attack, traceback.format_exc()[-300:].replace("\n", " ")), defect=TRACEBACK)]
    if left := end_leftovers(patience):
        seen = f"{len(left)} processes left: {left[0]}"
        trials = [replace(trial, survived=False, defect=HANG, seen=seen) for trial in trials]
    if all(trial.survived for trial in trials):
        shutil.rmtree(folder, ignore_errors=True)  # of the others the folder is kept, to look into
    return trials


def work(pipe: Connection, part: Part, skip: int, scratch: Path) -> None:
    """Make the attacks of a part, from number `skip` on, and send each one's name before it and its trials after it."""
    os.setsid()
    adopt_orphans()
    log = os.open(scratch / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    # A process that is killed deletes no temporary files: the runner does, with the rest.
    temporary = scratch / "tmp"
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    attacks = getattr(importlib.import_module(part.module), part.function)(**part.options)
    if isinstance(attacks, list):
        pipe.send(len(attacks))
    pipe.send(Attack(part.function, list, limit=part.limit))  # of generators, no names come before the trials
    for number, attack in enumerate(attacks):
        if isinstance(attack, Trial):
            pipe.send([attack])
        elif number >= skip:
            pipe.send(replace(attack, act=list))
            pipe.send(attack_once(attack, scratch / f"{number}", part.patience))
    pipe.send(None)


def watch(part: Part, scratch: Path, deadline: float, progress: Progress, memory: int = MEMORY) -> Iterator[Trial]:
    """Yield the trials of a part until it ends or the time is up; see `Progress`. deadline: of `time.monotonic`."""
    scratch.mkdir(parents=True, exist_ok=True)
    adopt_orphans()
    while not progress.cut:
        here, there = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=work, args=(there, part, progress.done, scratch))
        process.start()
        there.close()
        try:
            ended = yield from _follow(here, process.pid or 0, part, deadline, progress, memory)
        finally:
            end_tree(process.pid or 0)
            process.join()
            end_leftovers(0)
        if ended:
            return


def _follow(
    pipe: Connection, pid: int, part: Part, deadline: float, progress: Progress, memory: int
) -> Iterator[Trial]:
    """Yield trials of one process; return whether the part has ended, not only this process."""
    now: Attack | None = None
    until = time.monotonic() + part.limit
    while True:
        try:
            if pipe.poll(PAUSE):
                message = pipe.recv()
                if message is None:
                    return True
                if isinstance(message, int):
                    progress.known = message
                elif isinstance(message, Attack):
                    now, until = message, time.monotonic() + min(message.limit, part.limit)
                else:
                    progress.done += 1
                    until = time.monotonic() + part.limit
                    yield from message
                continue
            why = _find_fault(pid, deadline, until, memory)
        except (EOFError, OSError):
            why = "the process died"
        if why == "deadline":
            progress.cut = True
            return True
        if why:
            progress.done += 1
            yield make_hang(now or Attack(part.function, list), why)
            # Of a generator nothing is known behind a trial that was stopped.
            return progress.known is None or progress.done >= progress.known


def _find_fault(pid: int, deadline: float, until: float, memory: int) -> str:
    """Say why a process is to be ended now, "" = it is not."""
    now = time.monotonic()
    if now > deadline:
        return "deadline"
    if now > until:
        return "it did not end in its time"
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return "the process died"
    used = 0
    for process in tree:
        try:
            used += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return f"it took {used / 2**30:.0f} GiB of memory" if used > memory else ""
