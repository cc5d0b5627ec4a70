"""A path is an identity: what a run folder holds is written beside it, and another run is refused.

The identity of a run is the hash of its settings and of its data. The code it was made with is
recorded too, but a changed comment does not make a week of training invalid: the report says which
results are older than the code.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_settings, read_json, write_json

PACKAGE = Path(__file__).parents[1]
VIEWS_CODE = ("data/actions.py", "data/augment.py", "data/packed.py", "data/views.py", "support/seeding.py")
TRAINING_CODE = ("pretrain.py", "methods", "models", "training", *VIEWS_CODE)
EMBEDDING_CODE = ("embed.py", "evaluation/contexts.py", "evaluation/embeddings.py", "methods", "models", *VIEWS_CODE)
PROBING_CODE = ("probe.py", "evaluation", "data/actions.py", "support/seeding.py")


@cache
def hash_code(parts: tuple[str, ...]) -> str:
    """Return a hash of the source of the given modules and subpackages of workflow_scripts."""
    digest = hashlib.sha256()
    for part in parts:
        path = PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


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


def claim_run(run: Path, settings: dict[str, Any], data: Path) -> dict[str, str]:
    """Make the folder `run` the home of these settings and return its identity.

    Raises `UserError` where the folder belongs to other settings or other data.
    """
    check_identity(run, settings)
    config, data_hash = hash_settings(settings), hash_data(data)
    identity = {
        "config": config,
        "data": data_hash,
        "hash": hash_settings([config, data_hash]),
        "code": hash_code(TRAINING_CODE),
        "torch": version("torch"),
    }
    file = run / "run.json"
    if file.exists() and (stored := read_json(file)["identity"])["data"] != data_hash:
        raise UserError(
            f"{run} was made from other data (hash {stored['data']} there, {data_hash} now); "
            f"move or delete {run} to train anew"
        )
    write_json(file, {"settings": settings, "identity": identity})
    return identity


def read_identity(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings and the identity of a run."""
    stored = read_json(run / "run.json")
    return stored["settings"], stored["identity"]
