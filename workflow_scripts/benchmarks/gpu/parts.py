"""Parts of a check: each in a process of its own, with a time limit; what it finds is written as it comes.

A part that fails, crashes or takes too long says so in the results, and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.gpu.scale import Check
from workflow_scripts.benchmarks.measuring import Measurement
from workflow_scripts.support.files import write_json

Found = Measurement | dict[str, Any]  # a speed, or a row of any other form
Report = Callable[[Found], None]
Work = Callable[[Check, Report], None]  # a function of a module: it travels to another process

FORMAT = 1  # of the results
RESERVE = 5.0  # seconds at the end, to write and print
EXIT_SECONDS = 5.0  # that a process has to end by itself once it has sent everything
LINES = 20  # of a traceback that are kept
PRELOADED = ["torch", "workflow_scripts.benchmarks.gpu.speed"]  # once for all parts: importing takes seconds


@dataclass(frozen=True)
class Part:
    """seconds: its share of the scale's minutes; None = all that is left. background: runs beside those after it."""

    name: str
    work: Work
    seconds: float | None
    background: bool = False


class Results:
    """What was found so far, as a JSON file that is whole at any time. entries: of each part, by name."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self.path, self.head = path, head
        self.entries: dict[str, dict[str, Any]] = {}
        self._written = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return everything as a JSON-like map."""
        return {"format": FORMAT, **self.head, "parts": self.entries}

    def write(self, every: float = 0.0) -> None:
        """Write the file, unless it was written less than `every` seconds ago."""
        if time.monotonic() - self._written >= every:
            write_json(self.path, self.as_json())
            self._written = time.monotonic()

    def add(self, part: str, found: Found) -> None:
        """Add a measurement, or a row, to a part's."""
        entry = self.entries[part]
        if isinstance(found, Measurement):
            entry["measurements"].append(found._asdict())
        else:
            entry["rows"].append(found)
        self.write(every=1.0)


class _Running:
    """A part in its process."""

    def __init__(self, part: Part, check: Check, results: Results, log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self.part, self.results, self.began, self.limit = part, results, time.monotonic(), check.seconds
        self.entry: dict[str, Any] = {"status": "running", "limit": round(check.seconds, 1), "error": ""}
        self.entry |= {"measurements": [], "rows": []}
        results.entries[part.name] = self.entry
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_serve, args=(theirs, part.work, check, log))
        self.process.start()
        theirs.close()

    @property
    def left(self) -> float:
        """Seconds to its limit."""
        return self.began + self.limit - time.monotonic()

    def receive(self) -> None:
        """Take one message; at the end of them, or past the limit, close the entry."""
        try:
            kind, content = self.connection.recv() if self.connection.poll() else ("", "")
        except EOFError:
            self.process.join()
            self.close("failed", f"its process ended with exit code {self.process.exitcode}; see the log")
            return
        if not isinstance(content, str):
            self.results.add(self.part.name, content)
        if kind == "end":
            self.close("failed" if content else "done", content)
        elif self.left <= 0:
            self.close("out of time", f"it took more than its {self.limit:.0f} s")

    def close(self, status: str, error: str) -> None:
        """End the process, and write how it ended."""
        if status == "done":
            self.process.join(EXIT_SECONDS)
        self.stop()
        seconds = round(time.monotonic() - self.began, 2)
        self.entry.update({"status": status, "error": error, "seconds": seconds})
        self.results.write()

    def stop(self) -> None:
        """End the process and all that it started."""
        assert self.process.pid
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()  # before it had a group of its own
        self.process.join()

    @property
    def ended(self) -> bool:
        """Whether its entry is closed."""
        return bool(self.entry["status"] != "running")


def run_parts(parts: list[Part], check: Check, results: Results, seconds: float) -> None:
    """Run parts in turn, those of the background beside the others. seconds: for all of them together.

    check: what each is given, but for its own seconds.
    """
    end, log = time.monotonic() + seconds - min(RESERVE, seconds / 10), results.path.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    running: list[_Running] = []
    try:
        for part in parts:
            left = end - time.monotonic()
            own = left if part.seconds is None else min(left, part.seconds * check.share)
            if own <= 0:
                skipped = {"status": "out of time", "error": "there was no time left for it", "seconds": 0.0}
                results.entries[part.name] = {**skipped, "measurements": [], "rows": []}
                continue
            print(f"{part.name} (up to {own:.0f} s)", flush=True)
            running.append(_Running(part, replace(check, seconds=own), results, log))
            _follow(running, [] if part.background else running[-1:])
        _follow(running, running)
    finally:
        for one in running:
            if not one.ended:
                one.close("stopped", "the check was stopped")
        results.write()


def _follow(running: list[_Running], awaited: list[_Running]) -> None:
    """Take what all running parts send until those that are awaited have ended."""
    while any(not one.ended for one in awaited):
        active = [one for one in running if not one.ended]
        wait([one.connection for one in active], timeout=max(0.0, min(one.left for one in active)))
        for one in active:
            one.receive()


def _serve(connection: Connection, work: Work, check: Check, log: Path) -> None:
    """Run a part in this process, and send what it finds."""
    os.setsid()  # a group of its own, with all that it starts
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    stream = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for standard in (1, 2):
        os.dup2(stream, standard)
    try:
        work(check, lambda found: connection.send(("found", found)))
        connection.send(("end", ""))
    except Exception:
        connection.send(("end", "".join(traceback.format_exc().splitlines(keepends=True)[-LINES:])))


def _die_with(sentinel: int) -> None:
    """End this process and all that it started when the one that waits for it is gone."""
    wait([sentinel])
    os.killpg(0, signal.SIGKILL)
