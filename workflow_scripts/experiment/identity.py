"""A path is an identity: what a run folder holds is written beside it, and another run is refused.

The identity of a run is the hash of its settings, of its data, and of the weights it starts from, if any. The code it
was made with is recorded too, but a changed comment does not make a week of training invalid: the report says which
results are older than the code. So are torch, the device, the number of threads and compilation, which decide the last
digits of every step.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.code import hash_code, list_training_code
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, hash_settings, read_json, write_json

# What two files of one run have in common, and what is different where they have not.
HASHED = {
    "config": "another configuration",
    "data": "a training on other data",
    "hash": "a training from other weights",
}


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
    stored, _ = read_identity(run)
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


def hash_run(settings: dict[str, Any], data: Path, start: Path | None = None) -> dict[str, str]:
    """Return the hashes that say which run it is. data: folder of packed data. start: weights it starts from."""
    config, data_hash = hash_settings(settings), hash_data(data)
    begun = [hash_file(start)] if start else []
    return {"config": config, "data": data_hash, "hash": hash_settings([config, data_hash, *begun])}


def claim_run(
    run: Path, settings: dict[str, Any], data: Path, start: Path | None = None, machine: dict[str, str] | None = None
) -> dict[str, str]:
    """Make the folder `run` the home of these settings and return its identity. start: weights it starts from.

    machine: what else is recorded, since it decides last digits, see `training.devices.describe_machine`. A training
    that goes on from its checkpoint keeps the identity it began with, code, torch and machine included. With other
    weights to start from it has another identity, and begins anew.
    Raises `UserError` where the folder belongs to other settings or other data.
    """
    check_identity(run, settings)
    check_data(run, data)
    identity = {
        **hash_run(settings, data, start),
        "code": hash_code(list_training_code(settings)),
        "torch": version("torch"),
        **(machine or {}),
    }
    file = run / "run.json"
    if file.exists():
        stored = read_identity(run)[1]
        if (run / "state" / "checkpoint.pt").exists() and stored["hash"] == identity["hash"]:
            return stored
    write_json(file, {"settings": settings, "identity": identity})
    return identity


def read_identity(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings and the identity of a run. Raises `UserError` where they are missing or damaged."""
    try:
        stored = read_json(run / "run.json")
    except UserError as error:
        raise _refuse_description(run, str(error).partition("; ")[0]) from None
    settings, identity = (stored.get(name) if isinstance(stored, dict) else None for name in ("settings", "identity"))
    if not isinstance(settings, dict) or not isinstance(identity, dict):
        raise _refuse_description(run, f"{run / 'run.json'} does not describe a run")
    if not all(isinstance(identity.get(key), str) for key in (*HASHED, "code", "torch")):
        raise _refuse_description(run, f"{run / 'run.json'} has no whole identity")
    if identity["config"] != hash_settings(settings):
        raise _refuse_description(run, f"{run / 'run.json'} is damaged (its settings differ from their hash)")
    return settings, identity


def _refuse_description(run: Path, what: str) -> UserError:
    # Not "delete it": a run without its description would neither be trained again nor evaluated.
    return UserError(f"{what}; move or delete {run}, then run again")


def tell_apart(found: dict[str, str], wanted: dict[str, str]) -> str:
    """Say of which other run an identity is, "" where both are of the same one: settings, data, and start."""
    for key, what in HASHED.items():
        if found.get(key) != wanted[key]:
            return f"{what} ({found.get(key)}, not {wanted[key]})"
    return ""
