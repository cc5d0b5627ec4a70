"""The life of a job hangs on the Snakemake that started it.

A Snakemake that is killed leaves its jobs running, and a rerun would start the same ones beside them. So rules export
the process that started them (rules/common.smk), and a job whose process is gone ends too.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time

VARIABLE = "WORKFLOW_PID"
GRACE_SECONDS = 5.0  # for a trainer to write its checkpoint


def end_with_parent() -> None:
    """End this process when the one that `WORKFLOW_PID` names ends. Without that variable, do nothing."""
    if pid := int(os.environ.get(VARIABLE) or 0):
        threading.Thread(target=_watch, args=(pid,), daemon=True, name="lifeline").start()


def _watch(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        pass  # it ended before we looked
    else:
        select.select([handle], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
