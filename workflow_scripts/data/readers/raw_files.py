"""Files of raw data. They come from outside, so nothing but a regular file is ever read, and never an endless one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from workflow_scripts.support.errors import UserError

# What may stand where a file should: reading some of them never ends, or never begins.
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_file(path: Path | str, most: int | None = None) -> bytes:
    """Return a file's content, as long as the file says that it is. most: bytes that it may have; None = any number.

    Raises `UserError` where there is none, it is no regular file, may not be read, or is larger.
    """
    try:
        # Without waiting: a pipe that nobody writes to would never open.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} is missing or not a file; get the data set again") from None
    except OSError as error:
        raise explain(path, error) from None
    try:
        return _read(handle, path, most)
    except OSError as error:
        raise explain(path, error) from None
    finally:
        os.close(handle)


def _read(handle: int, path: Path | str, most: int | None) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        what = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise UserError(f"{path} is missing or not a file: it is {what}; get the data set again")
    if most is not None and status.st_size > most:
        raise UserError(
            f"{path} has {status.st_size / 1e6:,.0f} MB, and at most {most / 1e6:,.0f} MB are read; it is not what its "
            "name says: get the data set again"
        )
    parts, left = [], status.st_size
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def list_names(folder: Path | str, absent: str) -> list[str]:
    """Return the names in a folder. absent: what is said where there is no such folder. Raises `UserError`."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(absent) from None
    except OSError as error:
        raise explain(folder, error) from None


def explain(path: Path | str, error: OSError) -> UserError:
    """Return what is said of a file or folder that is there, but cannot be read."""
    advice = "get the data set again"
    if error.errno in (errno.EACCES, errno.EPERM):
        advice = "let its owner give you the right to read it, or use a copy of your own"
    return UserError(f"{path} cannot be read ({error.strerror}); {advice}")
