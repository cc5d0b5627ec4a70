"""A command and all that it starts, run to the end or, when someone stops this process, ended as a whole.

The command is the first of a process group of its own. So Ctrl-C reaches this process alone, which decides in which
order the others end: first the command, which then has no failed jobs to complain about, and by their lifelines
(`support.lifeline`) its jobs, which write down how far they are.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from workflow_scripts.support.lifeline import GRACE_SECONDS, VARIABLE

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that stop: Ctrl-C, kill, a terminal that is closed
PAUSE_SECONDS = 0.05  # between looks at whether all have ended
MARGIN_SECONDS = 3.0  # beyond the time that jobs give themselves, until they are killed


class _StopError(BaseException):
    """A signal has come. No `Exception`, so that nothing on the way takes it for a failure."""


class _Signals:
    """What the signals do while a command runs. number: the first one that came; 0 = none."""

    def __init__(self) -> None:
        self.number = 0
        self._process: subprocess.Popen[bytes] | None = None
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it, and a shell's background
                signal.signal(number, self._stop)
        signal.signal(signal.SIGTSTP, self._pause)

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Let signals interrupt from now on; one that came before does so at once."""
        self._process = process
        if self.number:
            raise _StopError

    def _stop(self, number: int, _: FrameType | None) -> None:
        first, self.number = not self.number, self.number or number
        if first and self._process:
            raise _StopError

    def _pause(self, *_: object) -> None:
        """Ctrl-Z stops the command, too, and goes on with it."""
        if self._process:
            _send(self._process.pid, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._process:
            _send(self._process.pid, signal.SIGCONT)


def supervise(
    words: Sequence[str], environment: dict[str, str], handles: Sequence[int] = (), patience: float = 0.0
) -> tuple[int, int]:
    """Run a command until it ends; return its exit code, and the number of the signal that stopped it, 0 = none.

    handles: open files that it inherits. patience: time that it gets to end its jobs itself, where they are not this
    machine's [s]; else it is killed, and they end by their lifelines. It can follow this process by `VARIABLE`.
    """
    signals = _Signals()
    process = None
    try:
        own = {**environment, VARIABLE: str(os.getpid())}
        process = subprocess.Popen(words, env=own, pass_fds=handles, process_group=0)
        signals.watch(process)
        return process.wait(), 0
    except _StopError:
        assert process is not None
        end(process, patience)
        return process.returncode, signals.number


def end(process: subprocess.Popen[bytes], patience: float = 0.0) -> None:
    """End the first process of a group, and then the others. patience: see `supervise`."""
    print("\nStopping: what runs writes down how far it is.", file=sys.stderr, flush=True)
    _send(process.pid, signal.SIGCONT)  # if they were paused
    if patience:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.kill()
    process.wait()
    limit = time.monotonic() + GRACE_SECONDS + MARGIN_SECONDS
    while _send(process.pid, 0) and time.monotonic() < limit:
        time.sleep(PAUSE_SECONDS)
    _send(process.pid, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Send a signal to a process group; return whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
