"""Files that are whole or absent: atomic writes, checksums."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import UserError

LONGEST = 200  # bytes of a file's name that its temporary one repeats; file systems allow 255
DIGEST = "digest"  # key that `write_json` adds and `read_json` takes away


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed over `path`.

    After a failure or a kill, `path` is what it was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = os.fsdecode(os.fsencode(path.name)[:LONGEST])  # a longer one would have no room for what makes it unique
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{kept}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; results are meant to be shared like any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write `content` to `path` atomically, as UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path | str, value: dict[str, Any]) -> None:
    """Write `value` to `path` atomically, as JSON with sorted keys and a digest of its content."""
    write_text(path, json.dumps({**value, DIGEST: hash_settings(value)}, indent=2, sort_keys=True) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; a missing or malformed one, or one that differs from its digest, is a `UserError`."""
    try:
        value = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run the step that writes it first") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run again") from None
    if isinstance(value, dict) and value.pop(DIGEST, None) not in (None, hash_settings(value)):
        raise UserError(f"{path} is damaged (its content differs from its digest); delete it and run again")
    return value


def parse_json(text: str, option: str) -> Any:
    """Return the value of a command-line option given as JSON; anything else is a `UserError` that names the option."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{option} is not valid JSON ({error}); give a map such as {{}}") from None


def hash_settings(settings: Any) -> str:
    """Return a short stable hash (16 hex digits) of a JSON-like value."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def hash_file(path: Path | str, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
