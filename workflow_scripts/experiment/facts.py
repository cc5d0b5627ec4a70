"""What the workflow tells the command that started Snakemake: the config as it is in the end, and where results are.

Only the workflow knows it, since options of Snakemake may change any of it. The command names a file in a variable of
the environment; the workflow takes the variable away, so that jobs, which may be on other machines, do not see it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

VARIABLE = "WORKFLOW_FACTS"


@contextmanager
def ask_for_facts() -> Iterator[tuple[dict[str, str], Path]]:
    """Yield the environment for a Snakemake whose workflow is to write its facts, and the file it writes to."""
    with TemporaryDirectory(prefix="workflow") as folder:
        file = Path(folder) / "facts.json"
        yield {**os.environ, VARIABLE: str(file)}, file


def write_facts(facts: dict[str, Any]) -> None:
    """Write facts where they were asked for. Called by the workflow. Raises `UserError` where there is no room."""
    if not (file := os.environ.pop(VARIABLE, "")):
        return
    try:
        write_json(Path(file), facts)
    except OSError as error:
        folder = Path(file).parents[1]
        raise UserError(
            f"cannot write to {folder}, the folder for temporary files: {error.strerror}; make room there, or set "
            "TMPDIR to a folder with room, then run again"
        ) from None


def read_facts(file: Path) -> dict[str, Any]:
    """Return what the workflow wrote; {} where it did not come so far."""
    facts: dict[str, Any] = read_json(file) if file.exists() else {}
    return facts
