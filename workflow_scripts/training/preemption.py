"""Preemption: a training that is told to go writes a checkpoint first.

Clusters warn before they end a job: with SIGTERM, or with the signal one asks for (Slurm: `--signal=USR1@60`).
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Preemption:
    """While entered, notes `SIGNALS` in `requested` instead of dying of them. Only in the main thread."""

    def __init__(self) -> None:
        self.requested = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Preemption:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.requested = self.requested or signal.Signals(number).name
