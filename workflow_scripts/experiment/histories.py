"""Histories of trainings: what each wrote every few steps, with its speed.

A line is a map from names to numbers, as JSON, with a checksum of its other entries: a flipped bit would otherwise be
another loss. Lines without one, which older code wrote, are read as they are.
"""

from __future__ import annotations

import json
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

CHECKSUM = "crc32"  # key of a line that `format_line` adds and `parse_line` takes away


def locate_history(run: Path) -> Path:
    """Return where a run's history is, if it has one. run: its folder."""
    return run / "state" / "history.jsonl"


def format_line(entry: dict[str, Any]) -> bytes:
    """Return the line of an entry."""
    return (json.dumps({**entry, CHECKSUM: _sum_entry(entry)}) + "\n").encode()


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line; None for one that is damaged or half written."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.pop(CHECKSUM, None) not in (None, _sum_entry(entry)):
        return None
    numbers = all(type(value) in (int, float) for value in entry.values())
    return entry if numbers and type(entry.get("step")) is int else None


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a training's history; none where there is no such file. One that is being written is left.

    Damaged ones are left out, and named on stderr.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    entries = [parse_line(line) for line in lines]
    bad = [number for number, entry in enumerate(entries, 1) if entry is None]
    if bad and bad[-1] == len(lines) and not lines[-1].endswith(b"\n"):
        del bad[-1]  # it is being written
    if bad:
        _warn(path, bad[0], len(bad))
    return [entry for entry in entries if entry is not None]


@cache
def _warn(path: Path, first: int, count: int) -> None:
    """Say once that lines are damaged."""
    more = f", and {count - 1} more," if count > 1 else ""
    print(f"warning: line {first}{more} of {path} is damaged and left out", file=sys.stderr)


def _sum_entry(entry: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(entry, sort_keys=True).encode()):08x}"
