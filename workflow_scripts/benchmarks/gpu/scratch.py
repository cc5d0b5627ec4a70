"""A folder for the images of a check, which are large: gone however the check ends, or when the next one starts."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from workflow_scripts.support.errors import UserError

MEMORY = Path("/dev/shm")
BYTES = 24 * 10**9  # of room that is asked for: twice what a check writes
PREFIX = f"gpu-check-{platform.node()}-"  # of names, before the number of the process that the folder is of


def choose_parent() -> Path:
    """Return a folder in memory that has room for all images, else that of temporary files: a disk may take minutes."""
    fits = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > BYTES
    return MEMORY if fits else Path(tempfile.gettempdir())


@contextmanager
def open_scratch(parent: Path | None) -> Iterator[Path]:
    """Make a folder, and remove it with all that is in it in the end, after SIGTERM, too.

    parent: folder to make it in, which is made if it is not there; None = `choose_parent`. What checks left there that
    were killed is removed first. Raises `UserError` for a parent that cannot be made.
    """
    for place in [parent] if parent else [MEMORY, Path(tempfile.gettempdir())]:
        remove_leftovers(place)
    try:
        (parent := parent or choose_parent()).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{parent} cannot be made ({error.strerror}); choose another folder with --scratch") from None
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=parent) as folder:
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: object) -> NoReturn:
    """End this process as an exception does, so that everything is closed; further signals are not to disturb that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of checks of this machine whose process is gone, or whose number this one has now."""
    for folder in parent.glob(f"{PREFIX}*"):
        found = re.fullmatch(r"(\d+)-.*", folder.name.removeprefix(PREFIX))
        if found and not _is_another(int(found[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_another(process: int) -> bool:
    """Whether this is the number of another process that runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # of another user
    return process != os.getpid()
