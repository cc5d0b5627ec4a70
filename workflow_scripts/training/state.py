"""What a killed training leaves behind: one verified checkpoint and a history of JSON lines.

Both live in `<run>/state/`, which Snakemake knows nothing of: it deletes declared outputs before a
rerun, and this is what the rerun starts from.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NoReturn

import torch

from workflow_scripts.experiment.histories import format_line, read_history
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_bytes


class TrainingState:
    """The checkpoint and the history of one run, in `folder`."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.checkpoint = folder / "checkpoint.pt"
        self.history = folder / "history.jsonl"
        self.run, self.identity = folder.parent, identity
        self.name = "/".join(folder.absolute().parts[-4:-1])  # <data set>/<run>/seed<k>
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int, model: dict[str, Any], optimizer: dict[str, Any]) -> None:
        """Write a checkpoint that holds everything the steps from `step` on depend on."""
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "step": step, "model": model, "optimizer": optimizer}, buffer)
        content = buffer.getvalue()
        write_bytes(self.checkpoint, hashlib.sha256(content).digest() + content)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the checkpoint, or None where there is none to go on from: absent, damaged, of another run.

        Raises `UserError` for one that is whole and is none: the training that it is of, if any, is not to be lost.
        """
        if not self.checkpoint.exists():
            return None
        stored = self.checkpoint.read_bytes()
        digest, content = stored[:32], stored[32:]
        if hashlib.sha256(content).digest() != digest:
            print(f"warning: {self.checkpoint} is damaged; training starts again from step 0", file=sys.stderr)
            return None
        checkpoint = self._unpack(content, device)
        if checkpoint["identity"] != self.identity:
            print(f"warning: {self.checkpoint} is of another run; training starts from step 0", file=sys.stderr)
            return None
        return checkpoint

    def _unpack(self, content: bytes, device: torch.device) -> dict[str, Any]:
        try:
            found = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # torch raises many kinds
            code = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, UnpicklingError) else None
            self.refuse(f"holds code ({code[1]}), which is not run" if code else "is no file of torch.save")
        kinds = {"identity": str, "step": int, "model": dict, "optimizer": dict}
        if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in kinds.items()):
            self.refuse("is no checkpoint of a training")
        if found["step"] < 0:
            self.refuse(f"is of step {found['step']}")
        return found

    def refuse(self, what: str) -> NoReturn:
        """Raise `UserError` for a checkpoint that is whole and cannot be gone on from. what: is wrong with it."""
        raise UserError(
            f"{self.checkpoint} {what}; delete it to train again from step 0, or go on with the code that wrote it"
        )

    def truncate_history(self, step: int) -> None:
        """Drop history lines of steps that will be taken again, and those that are damaged or half written."""
        lines = [format_line(entry) for entry in read_history(self.history) if entry["step"] <= step]
        write_bytes(self.history, b"".join(lines))

    def log(self, entry: dict[str, Any]) -> None:
        """Append one line to the history."""
        with open(self.history, "ab") as file:
            file.write(format_line(entry))
