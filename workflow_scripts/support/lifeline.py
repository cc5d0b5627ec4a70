"""The life of a process hangs on the one that started it: of a job on Snakemake, of Snakemake on `make`.

A Snakemake that is killed leaves its jobs running, and a rerun would start the same ones beside them. So rules export
the process that started them (rules/common.smk), and a job whose process is gone ends too. Likewise `make` exports
itself to the command that starts Snakemake, and that command itself to Snakemake. A process that nobody named, as with
`nohup python -m workflow_scripts.reproduce`, outlives the one that started it.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time

VARIABLE = "WORKFLOW_PID"
GRACE_SECONDS = 5.0  # for a trainer to write its checkpoint


def end_with_parent(grace: float = GRACE_SECONDS) -> None:
    """End this process when the one that `WORKFLOW_PID` names ends. Without that variable, do nothing.

    grace: time between SIGTERM and SIGKILL [s]; with 0 there is no SIGTERM.
    """
    if pid := int(os.environ.get(VARIABLE) or 0):
        threading.Thread(target=_watch, args=(pid, grace), daemon=True, name="lifeline").start()


def _watch(pid: int, grace: float) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        pass  # it ended before we looked
    else:
        select.select([handle], [], [])
    if grace:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
    os.kill(os.getpid(), signal.SIGKILL)
