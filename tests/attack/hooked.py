"""A command of ours in a fork of this process, which is killed, or gets an error, at its n-th operation on files.

Python tells an audit hook of each file that is opened, renamed, removed or cut, before it happens, so that a kill there
leaves exactly what the operations before left.
"""

from __future__ import annotations

import atexit
import errno
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from typing import Any

from tests.attack.case import Seen
from tests.attack.worker import end_tree

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink")
LIBRARIES = (
    "torch",
    "torch._dynamo",
    "torchvision",
    "pandas",
    "pyarrow.parquet",
    "sklearn",
    "scipy.stats",
    "matplotlib.pyplot",
)
PAUSE = 0.01


@dataclass(frozen=True)
class Strike:
    """What happens at an operation. number: which, from 1 on; 0 = none, they are only counted. code: of the OSError
    that is raised, such as errno.ENOSPC; 0 = SIGKILL."""

    number: int = 0
    code: int = 0

    def describe(self) -> str:
        """Return its name in the table."""
        return errno.errorcode[self.code] if self.code else "kill -9"


def is_operation(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    """Whether an audit event changes files within `folder`, the working directory."""
    if event == "open":
        path, mode, flags = arguments
        writes = flags & WRITES if isinstance(flags, int) else set("wax+") & set(mode or "")
        if not writes:
            return False
    elif event in EVENTS:
        path = arguments[0]
    else:
        return False
    if isinstance(path, int):
        return event != "open"
    return os.path.abspath(os.fsdecode(path)).startswith(folder)


def hook(strike: Strike, folder: str, counted: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook. counted: a file, outside of `folder`, that gets one byte an operation."""
    pid, number = os.getpid(), 0
    count = os.open(counted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def act(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal number
        # Workers that are forked from the process inherit the hook; their operations come in any order.
        if (event != "open" and event not in EVENTS) or os.getpid() != pid:
            return
        if not is_operation(event, arguments, folder):
            return
        number += 1
        os.write(count, b".")
        if number != strike.number:
            return
        if not strike.code:
            os.kill(pid, signal.SIGKILL)
        raise OSError(strike.code, os.strerror(strike.code), str(arguments[0]))

    return act


def call_forked(words: list[str], folder: Path, strike: Strike | None = None, seconds: float = 120.0) -> Seen:
    """Run `python -m <words>` in `folder`, by a fork of this process. Its operations are counted in <folder>.count.

    words: the module's name and its arguments. What it imported of ours is listed in <folder>.modules. Raises nothing;
    a hang has the code None.
    """
    log, counted = folder.with_name(folder.name + ".log"), folder.with_name(folder.name + ".count")
    module = importlib.import_module(words[0])
    if not (pid := os.fork()):
        code = 70
        try:
            os.setsid()
            os.chdir(folder)
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.argv = list(words)
            # Those of pytest, or of the runner, are not ours.
            sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, closefd=False) for stream in (1, 2))
            if strike:
                sys.addaudithook(hook(strike, str(folder), counted))
            code = _call(module.main)
            names = [name for name in sys.modules if name.startswith("workflow_scripts.") or name in LIBRARIES]
            folder.with_name(folder.name + ".modules").write_text("\n".join(names))
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > until:
            end_tree(pid)
            return Seen(None, log.read_text(errors="replace"))
        time.sleep(PAUSE)
    return Seen(os.waitstatus_to_exitcode(ended[1]), log.read_text(errors="replace") if log.exists() else "")


def count_operations(folder: Path) -> int:
    """Return how many operations the last command in `folder` had made, or begun."""
    return folder.with_name(folder.name + ".count").stat().st_size


def import_same(folder: Path) -> None:
    """Import what the last command in `folder` had imported of ours, so that the next forks have it."""
    for name in folder.with_name(folder.name + ".modules").read_text().split():
        importlib.import_module(name)


def _call(main: Callable[[], None]) -> int:
    """Call a command as the interpreter would, and return its exit code."""
    atexit._clear()  # what the process before the fork is to do in its end, such as to delete its folders
    try:
        main()
        code = 0
    except SystemExit as stopped:
        if isinstance(stopped.code, str):
            print(stopped.code, file=sys.stderr)
        code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    try:
        util._exit_function()  # type: ignore[attr-defined]  # pools end here
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    return code
