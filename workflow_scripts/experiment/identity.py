"""A path is an identity: what a run folder holds is written beside it, and another run is refused.

The identity of a run is the hash of its settings, of its data, and of the weights it starts from, if any. The code it
was made with is recorded too, but a changed comment does not make a week of training invalid: the report says which
results are older than the code.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.code import hash_code, list_training_code
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, hash_settings, read_json, write_json


def hash_data(folder: Path) -> str:
    """Return the hash of a packed data set, from the digests in its meta.json."""
    return hash_settings(read_json(folder / "meta.json")["sha256"])


def first_difference(stored: Any, wanted: Any, path: str = "") -> str:
    """Describe the first entry in which two nested settings differ."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for key in sorted(stored.keys() | wanted.keys()):
            if stored.get(key) != wanted.get(key):
                return first_difference(stored.get(key), wanted.get(key), f"{path}.{key}" if path else key)
    return f"{path}: {stored!r} there, {wanted!r} now"


def check_identity(run: Path, settings: dict[str, Any]) -> None:
    """Refuse settings other than those the folder `run` was made with. An empty folder fits any."""
    file = run / "run.json"
    if not file.exists():
        return
    stored = read_json(file)["settings"]
    if stored != settings:
        raise UserError(
            f"{run} was made with another configuration ({first_difference(stored, settings)}); "
            f"move or delete {run} to train anew, or give the changed experiment a data set name of its own"
        )


def check_data(run: Path, data: Path) -> None:
    """Refuse packed data other than those the folder `run` was made from. An empty folder fits any."""
    if not (run / "run.json").exists():
        return
    stored, present = read_identity(run)[1]["data"], hash_data(data)
    if stored != present:
        raise UserError(
            f"{run} was made from other data (hash {stored} there, {present} now); move or delete {run} to train anew"
        )


def claim_run(run: Path, settings: dict[str, Any], data: Path, start: Path | None = None) -> dict[str, str]:
    """Make the folder `run` the home of these settings and return its identity. start: weights it starts from.

    A training that goes on from its checkpoint keeps the identity it began with, code and torch included. With other
    weights to start from it has another identity, and begins anew.
    Raises `UserError` where the folder belongs to other settings or other data.
    """
    check_identity(run, settings)
    check_data(run, data)
    config, data_hash = hash_settings(settings), hash_data(data)
    begun = [hash_file(start)] if start else []
    identity = {
        "config": config,
        "data": data_hash,
        "hash": hash_settings([config, data_hash, *begun]),
        "code": hash_code(list_training_code(settings)),
        "torch": version("torch"),
    }
    file = run / "run.json"
    if file.exists():
        stored = read_identity(run)[1]
        if (run / "state" / "checkpoint.pt").exists() and stored["hash"] == identity["hash"]:
            return stored
    write_json(file, {"settings": settings, "identity": identity})
    return identity


def read_identity(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings and the identity of a run."""
    stored = read_json(run / "run.json")
    return stored["settings"], stored["identity"]
