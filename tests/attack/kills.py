"""Kills: a process of the workflow ends at a random moment, the same command is given again, and is killed again.

One chain of kills leads through one folder, so that they land in every stage; in its end the workflow runs undisturbed,
and its results are compared, byte by byte, with those of a workflow that nobody killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.attack.case import HANG, LOST, SILENT
from tests.attack.tiny import METRICS, TABLE, list_workers, read_results, run, start, wait, what_was_said
from tests.attack.trial import KEPT, HangError, Trial
from tests.attack.worker import end_leftovers

# How often each signal: what a crash, a cluster or a closed terminal sends.
SIGNALS = {signal.SIGKILL: 70, signal.SIGTERM: 12, signal.SIGINT: 10, signal.SIGHUP: 8}
GROUP_SHARE = 0.15  # of kills that hit all processes at once, as closing a terminal does
PATIENCE = 180.0  # seconds until a workflow that was killed has ended
KILLS = 10  # in one chain
WHOLE = 4  # one chain of so many makes figures and report, too
TABLES = ["--", str(TABLE), str(METRICS / "smoke.csv")]  # targets of the others


@dataclass(frozen=True)
class Unbroken:
    """A workflow that nobody killed. seconds: that it took; startup: until its first job. results: see `read`."""

    folder: Path
    seconds: float
    startup: float
    results: dict[str, bytes]


@dataclass(frozen=True)
class Kill:
    """What was hit: of which kind a process, "group" = all, "" = it had ended; and by which signal."""

    kind: str
    number: signal.Signals

    def describe(self) -> str:
        """Return its name in the table."""
        target = "all processes" if self.kind == "group" else self.kind or "nothing: it had ended"
        return f"{self.number.name} to {target}"


def read(folder: Path) -> dict[str, bytes]:
    """Return the content of results and of the main table, by path."""
    path = folder / TABLE
    return {**read_results(folder), str(TABLE): path.read_bytes() if path.exists() else b""}


def run_unbroken(folder: Path) -> Unbroken:
    """Run the workflow once, undisturbed; raise `RuntimeError` where it fails."""
    folder.mkdir(parents=True)
    began, startup = time.monotonic(), 0.0
    process = start(folder)
    while not startup and process.poll() is None:
        time.sleep(0.1)
        startup = (time.monotonic() - began) * bool(set(list_workers(process.pid)) - {"start", "snakemake"})
    output = wait(process)
    if process.returncode:
        raise RuntimeError(f"the workflow fails without any attack:\n{output[-2000:]}")
    return Unbroken(folder, time.monotonic() - began, startup, read(folder))


def kill(pid: int, chance: random.Random) -> Kill:
    """Kill one random process of a workflow, or all of them."""
    number = chance.choices(list(SIGNALS), list(SIGNALS.values()))[0]
    workers = list_workers(pid)
    kind = chance.choice(sorted(workers)) if workers else ""
    try:
        if kind and chance.random() < GROUP_SHARE:
            kind, everything = "group", [process for found in workers.values() for process in found]
            os.killpg(pid, number)
            for process in everything:  # Snakemake may be in a group of its own
                process.send_signal(number)
        elif kind:
            chance.choice(workers[kind]).send_signal(number)
    except (psutil.NoSuchProcess, ProcessLookupError):
        kind = kind if kind == "group" else ""
    return Kill(kind, number)


def run_chain(folder: Path, kills: int, chance: random.Random, unbroken: Unbroken, targets: list[str]) -> list[Trial]:
    """Kill the workflow in `folder` so many times, run it to its end, and return a trial a kill."""
    folder.mkdir(parents=True)
    hits: list[Kill] = []
    rest, fault, defect = unbroken.seconds - unbroken.startup, "", LOST
    for number in range(kills):
        process, began = start(folder, *targets), time.monotonic()
        # In the mean the kills that are left share what is left to do; some come before the first job.
        moment = chance.uniform(0.3, unbroken.startup + 2 * max(rest, 2.0) / (kills - number + 1))
        while time.monotonic() - began < moment and process.poll() is None:
            time.sleep(0.05)
        done = process.poll() is not None
        hit = Kill("", signal.SIGKILL) if done else kill(process.pid, chance)
        try:
            output = wait(process, PATIENCE)
        except HangError:
            hits, fault, defect = [*hits, hit], f"not ended {PATIENCE:.0f} s after {hit.describe()}", HANG
            break
        hits.append(hit)
        rest -= max(0.0, moment - unbroken.startup)
        if left := end_leftovers():
            fault, defect = f"{len(left)} processes left after {hit.describe()}: {left[0]}", HANG
            break
        if done and process.returncode:
            fault = f"refused after {hits[-2].describe() if number else 'nothing'}: {what_was_said(output)}"
            break
        if done:
            break
    seen = "the same command again ended well, with the same bytes"
    if not fault:
        code, output = run(folder, *targets)
        other = [name for name, content in read(folder).items() if content != unbroken.results[name]]
        if code or other:
            fault = what_was_said(output) or output[-300:] if code else f"other bytes: {', '.join(other)}"
            defect = LOST if code else SILENT
    return [Trial(hit.describe(), not fault, fault or seen, KEPT, defect, folder.name, bool(hit.kind)) for hit in hits]


def kill_trials(scratch: Path, trials: int, seed: int, unbroken: Unbroken) -> Iterator[Trial]:
    """Yield kills until `trials` of them hit a process, by chains."""
    hits, number = 0, 0
    while hits < trials:
        chance = random.Random(f"{seed}/{number}")
        folder = scratch / f"chain{number}"
        targets = [] if number % WHOLE == WHOLE - 1 else TABLES
        for trial in run_chain(folder, min(KILLS, trials - hits), chance, unbroken, targets):
            hits += trial.aimed
            yield trial
        if trial.survived:
            shutil.rmtree(folder)
        number += 1
