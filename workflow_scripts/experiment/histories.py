"""Histories of trainings: what each wrote every few steps, with its speed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def locate_history(run: Path) -> Path:
    """Return where a run's history is, if it has one. run: its folder."""
    return run / "state" / "history.jsonl"


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a training's history; none where there is no such file. One that is being written is left."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
