"""Outputs that stay until they are replaced: data and weights, which may be the work of a week.

Before a job, Snakemake deletes its outputs, and after a failed one again, whatever the reason to run it was. Outputs
that are flagged `update` it leaves alone, but makes a copy of each before the job, and writes the copy back over it
when the job failed. Our steps write a file whole or not at all, so these copies, a hundred GB of packed images, would
only add a way to lose it: for the outputs of `keep` there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake.ioflags import update
from snakemake.persistence import FileBackupMixin

_NAMES: set[str] = set()  # of files that are kept


def keep(path: str) -> Any:
    """Return an output of a rule that Snakemake neither deletes nor copies. No other output may have its name."""
    _NAMES.add(Path(path).name)
    return update(path)


def _spare(original: Callable[[Any, Path], Any], answer: Callable[[Path], Any]) -> Callable[[Any, Path], Any]:
    """Return a method on the copy of an output: the original, or for those that are kept `answer`."""
    return lambda self, path: answer(path) if path.name in _NAMES else original(self, path)


if not hasattr(FileBackupMixin, "spares"):  # once, also where several workflows are modules of one
    FileBackupMixin.spares = True
    FileBackupMixin.backup_output = _spare(FileBackupMixin.backup_output, lambda path: None)
    FileBackupMixin.cleanup_backup = _spare(FileBackupMixin.cleanup_backup, lambda path: None)
    # After a failed job, what is there is what was there, or whole; True = it need not be deleted.
    FileBackupMixin.restore_output = _spare(FileBackupMixin.restore_output, lambda path: path.exists())
