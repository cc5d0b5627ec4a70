"""Locks: one writer of a folder, also where file systems have no locks, and among machines that share a folder.

The kernel's lock is freed with the process that holds it, at once. But some shared file systems refuse it, and some
grant it to each machine for itself. So whoever works in a folder also holds a lease of it: a small file that says on
which machine the process is, and that it touches every ten seconds. A lease of another machine that nobody touched for
half a minute is of a process that is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, LeaseCompromise, SoftFileLease, Timeout

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.lifeline import GRACE_SECONDS

LOCK, LEASE = ".lock", ".lock-lease"
LEASE_SECONDS = 30.0  # without a touch, until a process of another machine counts as gone
SILENT_SECONDS = 1.0  # of waiting without a word
MISSING = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems without locks say


@contextlib.contextmanager
def exclusive(folder: Path | str) -> Iterator[None]:
    """Be the only writer of `folder`; freed when the process dies.

    Waits a little for the writer before: one whose Snakemake was killed may be about to end. Raises `UserError` where
    another process goes on.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    said = f"another process is writing to {folder}; wait for it or stop it"
    lock = FileLock(folder / LOCK, timeout=GRACE_SECONDS + 1, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(said) from None
    except OSError as error:
        if error.errno not in MISSING:
            raise
    try:
        with lease(folder / LEASE, said):
            yield
    finally:
        lock.release()


@contextlib.contextmanager
def lease(path: Path, said: str) -> Iterator[None]:
    """Hold the lease `path`. said: what a `UserError` says where another process holds it, and is alive."""
    held = take_lease(path, said)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # its folder may be gone: packing deletes it in the end
            held.release()


def take_lease(path: Path, said: str) -> SoftFileLease:
    """Take the lease `path`, to be released; of a process that is gone, when that is certain. See `lease`.

    A process of this machine is known to be gone. For one of another machine it waits until the lease is touched, and
    is refused, or was not for `LEASE_SECONDS`.
    """
    # One object a call, and of all threads, so that a second call within a process is refused as others are.
    held = SoftFileLease(path, lease_duration=LEASE_SECONDS, on_compromise=_end, thread_local=False)
    watch = _Watch(path)
    try:
        held.acquire(timeout=LEASE_SECONDS + 2, poll_interval=0.2, cancel_check=watch)
    except Timeout:
        if not watch.touched:
            # Where names cannot be exchanged, as over NFS, the library leaves a lease that has run out to its user.
            held.force_break()
            with contextlib.suppress(Timeout):  # a third process was faster
                held.acquire(timeout=1)
    if not held.is_locked:
        raise UserError(f"{said} ({watch.holder})")
    return held


class _Watch:
    """Whether a lease that another process holds was touched since the first look; says once that it is looking."""

    def __init__(self, path: Path) -> None:
        self.path, self.touched, self.holder = path, False, ""
        self._seen: tuple[int, int] | None = None
        self._began, self._said = time.monotonic(), False

    def __call__(self) -> bool:
        try:
            state = self.path.stat()
            lines = dict(line.partition("=")[::2] for line in self.path.read_text().splitlines())
        except OSError:  # released, or taken over, this moment
            return False
        seen = (state.st_ino, state.st_mtime_ns)
        if self._seen is None:
            self._seen = seen
            self.holder = f"process {lines.get('pid')} on {lines.get('host', '').partition('?')[0]}"
        elif not self._said and time.monotonic() - self._began > SILENT_SECONDS:
            self._said = True
            print(f"{self.path} is held by {self.holder}; looking whether it is alive", file=sys.stderr, flush=True)
        self.touched = self.touched or seen != self._seen
        return self.touched and time.monotonic() - self._began > GRACE_SECONDS + 1


def _end(lost: LeaseCompromise) -> None:
    """End this process where another took over what it works on: it was stopped, or cut off, for too long."""
    if lost.reason == "owner-changed":
        print(f"error: another process took over {lost.lock_file}, this one ends", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
