"""Histories of trainings: what each wrote every few steps, with its speed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def list_histories(runs: list[Path]) -> list[Path]:
    """Return where the histories of runs are, if they have any. runs: folders."""
    return [run / "state" / "history.jsonl" for run in runs]


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a training's history; none where there is no such file. One that is being written is left."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
