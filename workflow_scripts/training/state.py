"""What a killed training leaves behind: one verified checkpoint and a history of JSON lines.

Both live in `<run>/state/`, which Snakemake knows nothing of: it deletes declared outputs before a
rerun, and this is what the rerun starts from.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.support.files import write_bytes, write_text


class TrainingState:
    """The checkpoint and the history of one run, in `folder`."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.checkpoint = folder / "checkpoint.pt"
        self.history = folder / "history.jsonl"
        self.identity = identity
        self.name = "/".join(folder.absolute().parts[-4:-1])  # <data set>/<run>/seed<k>
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int, model: dict[str, Any], optimizer: dict[str, Any]) -> None:
        """Write a checkpoint that holds everything the steps from `step` on depend on."""
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "step": step, "model": model, "optimizer": optimizer}, buffer)
        content = buffer.getvalue()
        write_bytes(self.checkpoint, hashlib.sha256(content).digest() + content)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the checkpoint, or None where there is none to go on from: absent, damaged, of another run."""
        if not self.checkpoint.exists():
            return None
        stored = self.checkpoint.read_bytes()
        digest, content = stored[:32], stored[32:]
        if hashlib.sha256(content).digest() != digest:
            print(f"warning: {self.checkpoint} is damaged; training starts again from step 0", file=sys.stderr)
            return None
        checkpoint: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        if checkpoint["identity"] != self.identity:
            print(f"warning: {self.checkpoint} is of another run; training starts from step 0", file=sys.stderr)
            return None
        return checkpoint

    def truncate_history(self, step: int) -> None:
        """Drop history lines of steps that will be taken again, and a half-written last line."""
        lines = []
        if self.history.exists():
            for line in self.history.read_text().splitlines():
                try:
                    if json.loads(line)["step"] <= step:
                        lines.append(line + "\n")
                except (ValueError, KeyError):
                    break
        write_text(self.history, "".join(lines))

    def log(self, entry: dict[str, Any]) -> None:
        """Append one line to the history."""
        with open(self.history, "a") as file:
            file.write(json.dumps(entry) + "\n")
