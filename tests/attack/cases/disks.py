"""Attacks by the file system: one without locks, folders that machines share, full tables, odd and long paths.

A file system without locks is pretended, by a sitecustomize.py of the attacked process; another machine is another name
of this one, and locks that are each machine's own are locks that always succeed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from filelock import SoftFileLease

from tests.attack.case import RIGHT, ROOT, Case, Seen, attempt, call
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.support import files, locks

PRETENDED = """
import fcntl, os, socket
number = int(os.environ["PRETENDED_ERROR"])
def flock(handle, operation):
    if number:
        raise OSError(number, os.strerror(number))
fcntl.flock = flock
name = os.environ["PRETENDED_HOST"]
socket.gethostname = lambda: name
"""
HOLDER = """
import sys, time
from workflow_scripts.support.locks import exclusive
with exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
SHORT = 0.6  # seconds that a lease lives in quick cases
WORKFLOW = ("--config", "experiment=contextssl/smoke", "datasets=[smoke]", "methods=[constant]", "--until", "pack")


def pretend(folder: Path, error: int, host: str) -> dict[str, str]:
    """Return the environment of a process for which locks fail with `error` (0: they succeed), on a machine `host`."""
    (folder / "pretend").mkdir(exist_ok=True)
    (folder / "pretend" / "sitecustomize.py").write_text(PRETENDED)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {"PRETENDED_ERROR": str(error), "PRETENDED_HOST": host, "PATH": path, "OMP_NUM_THREADS": "1"}
    return {"PYTHONPATH": f"{folder / 'pretend'}:{ROOT}", **given}


@contextlib.contextmanager
def holding(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process that writes to `folder`."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    variables = {**os.environ, **environment}
    process = subprocess.Popen(command, env=variables, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def write(folder: Path) -> Callable[[], None]:
    """Return a check: become the writer of `folder`, and leave nothing but the lock's file."""

    def check() -> None:
        with locks.exclusive(folder):
            assert (folder / locks.LEASE).exists()
        assert {path.name for path in folder.iterdir()} <= {locks.LOCK}

    return check


def alone(error: int) -> Callable[[Path], Seen]:
    """Return an attack: locks fail with `error`, and nobody else is there."""

    def act(folder: Path) -> Seen:
        with mock.patch("fcntl.flock", side_effect=OSError(error, os.strerror(error))):
            return attempt(write(folder / "run"))

    return act


def killed(folder: Path) -> Seen:
    """Without locks: the writer before was killed on this machine."""
    with holding(folder / "run", pretend(folder, errno.ENOLCK, os.uname().nodename)) as process:
        process.kill()
        process.wait()
    return alone(errno.ENOLCK)(folder)


def elsewhere(lives: bool, exchange: bool = True) -> Callable[[Path], Seen]:
    """Return an attack: a process of another machine is the writer and lives, or is gone.

    exchange: whether the file system can exchange names, as the one over networks cannot.
    """

    def act(folder: Path) -> Seen:
        run = folder / "run"
        run.mkdir()
        stop = threading.Event()
        with (
            mock.patch.object(locks, "LEASE_SECONDS", SHORT),
            mock.patch.object(locks, "GRACE_SECONDS", -0.5),
            mock.patch("filelock._soft.exchange_names", side_effect=None if exchange else lambda *_: False)
            if not exchange
            else contextlib.nullcontext(),
        ):
            with mock.patch("socket.gethostname", return_value="elsewhere"):
                lease = SoftFileLease(run / locks.LEASE, lease_duration=SHORT)
                lease.acquire()
            marker = (run / locks.LEASE).read_bytes()
            lease.release()
            (run / locks.LEASE).write_bytes(marker)

            def touch() -> None:
                while not stop.wait(SHORT / 4):
                    os.utime(run / locks.LEASE)

            if lives:
                threading.Thread(target=touch, daemon=True).start()
            try:
                return attempt(write(run))
            finally:
                stop.set()

    return act


def second_writer(folder: Path) -> Seen:
    """Without locks: another process of this machine is the writer, and lives."""
    environment = pretend(folder, errno.EOPNOTSUPP, os.uname().nodename)
    with holding(folder / "run", environment):
        return alone(errno.EOPNOTSUPP)(folder)


def list_words() -> list[str]:
    """Return the arguments of a small workflow."""
    options = ["--profile", ROOT / "profiles/default", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    return [*map(str, options), "--quiet", "rules", *WORKFLOW]


def two_machines(error: int) -> Callable[[Path], Seen]:
    """Return an attack: two machines run the workflow in one folder, whose locks fail, or are each machine's own."""

    def act(folder: Path) -> Seen:
        one, two = (pretend(folder, error, host) for host in ("one", "two"))
        command = [sys.executable, "-m", "workflow_scripts.start", *list_words()]
        with open(folder / "one.log", "w") as log:
            first = subprocess.Popen(command, cwd=folder, env={**os.environ, **one}, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while not (folder / ".snakemake" / "locks").is_dir() and time.monotonic() < end:
            time.sleep(0.1)
        seen = call("start", *list_words(), cwd=folder, seconds=120, environment=two)
        code = first.wait(240)
        problem = f"the first ended with {code}: {(folder / 'one.log').read_text()[-300:]}" if code else ""
        return Seen(seen.code, seen.output, problem)

    return act


def no_inodes(folder: Path) -> Seen:
    """Keep results on a disk with twelve files' room, then make room, and run again."""
    results = folder / "results"
    results.mkdir()

    def mount(*options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", results], check=True)

    mount("nr_inodes=12", "size=100m")
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    try:
        full = call("start", *list_words(), cwd=folder, seconds=240, environment=variables)
        mount("remount", "nr_inodes=10000")
        again = call("start", *list_words(), cwd=folder, seconds=240, environment=variables)
    finally:
        subprocess.run(["umount", results], check=True)
    problem = "" if again.code == 0 else f"after room was made: {again.output[-300:]}"
    return Seen(full.code, full.output, problem)


def long_name(folder: Path) -> Seen:
    """Write a file whose name is as long as names may be: there is no room for a temporary one beside it."""
    return attempt(lambda: files.write_text(folder / ("x" * 250 + ".json"), "content"))


def odd_folder(name: str, target: str = "") -> Callable[[Path], Seen]:
    """Return an attack: write in a folder of that name; target: it is a link, to that name beside it."""

    def act(folder: Path) -> Seen:
        if target:
            (folder / target).mkdir()
            (folder / name).symlink_to(target)

        def check() -> str:
            write(folder / name / "run")()
            files.write_json(folder / name / "run.json", {"a": 1})
            return "" if files.read_json(folder / name / "run.json") == {"a": 1} else "other content"

        return attempt(check)

    return act


def long_dataset(_: Path) -> Seen:
    """Ask for a data set whose name no folder can bear."""

    def check() -> None:
        name = "".join(chr(97 + (i * i + i // 7) % 26) for i in range(300))
        settings = {"source": "smoke", "benchmarks": {}, "views": {"kind": "stored"}}
        load_experiment("contextssl/smoke", {"datasets": [name], "dataset_settings": {name: settings}})

    return attempt(check)


def deep_folder(folder: Path) -> Seen:
    """Work in a folder whose path is longer than a path may be."""
    for _ in range(18):  # one at a time: the whole path could not be named
        folder = Path("d" * 240)
        folder.mkdir()
        os.chdir(folder)
    return call("start", "--version", cwd=Path(), environment={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})


def in_folder(act: Callable[[Path], Seen]) -> Callable[[Path], Seen]:
    """Return an attack that changes the working directory, for its own time only."""

    def changed(folder: Path) -> Seen:
        before = os.open(".", os.O_RDONLY)
        os.chdir(folder)
        try:
            return act(folder)
        finally:
            os.fchdir(before)
            os.close(before)

    return changed


HELD = r"another process is writing to .*run; wait for it or stop it \(process \d+ on "
STARTED = r"this workflow is running here already; wait for it or stop it \(process \d+ on one\)"
CASES = [
    *(
        Case(f"locks fail: {os.strerror(number)}", alone(number), RIGHT, quick=True)
        for number in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
    ),
    Case("no locks, a killed writer", killed, RIGHT, quick=True),
    Case("no locks, a second writer", second_writer, says=HELD),
    Case("a writer on another machine", elsewhere(lives=True), says=HELD + "elsewhere", quick=True),
    Case("a dead writer of another machine", elsewhere(lives=False), RIGHT, quick=True),
    Case("the same, where names cannot be exchanged", elsewhere(lives=False, exchange=False), RIGHT),
    Case("two machines, one folder, no locks", two_machines(errno.ENOLCK), says=STARTED),
    Case("two machines, one folder, locks of its own each", two_machines(0), says=STARTED),
    *([Case("a full inode table", no_inodes, says="No space left on device. Make room")] if os.geteuid() == 0 else []),
    Case("a name of 255 characters", long_name, RIGHT, quick=True),
    Case("a data set with a name of 300 characters", long_dataset, says="is too long", quick=True),
    Case("a folder too deep for a path", in_folder(deep_folder), says="a path is too long, it ends", quick=True),
    Case("a folder with blanks and umlauts", odd_folder("a 'b' \"c\" $(touch HIT) ü\n"), RIGHT, quick=True),
    Case("results behind a link", odd_folder("results", "elsewhere"), RIGHT, quick=True),
]
