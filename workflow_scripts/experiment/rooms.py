"""Where the schemas of settings stand: one file for each plug-in, and for each dataclass that has but one form.

They are generated from dataclasses by `make schemas` (see `schema.py`), so that planning knows what settings may be and
what they are by default without importing torch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins, module_name

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
DOWNLOADS = ROOT / "workflow_scripts" / "data" / "sources" / "entries"  # the table of sources


@dataclass(frozen=True)
class Room:
    """Plug-ins of one package. facts: class attributes that planning needs, kept in the schema as `x-<name>`.

    by_kind: whether a map of settings says with its key `kind` which plug-in it is of; else a key above says it.
    extra: properties that are not the plug-in's own.
    """

    package: str
    attribute: str
    by_kind: bool = False
    facts: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


# Attributes that few methods have. passes: how often a step encodes each view, if not once; transforms: that a method
# transforms images itself, see `agreement`.
OPTIONAL = ("passes", "transforms")
METHOD_FACTS = ("trains", "needs_group", "uses_actions", "views", "readouts", *OPTIONAL)
VIEWS_FACTS = ("transformable", "reads_rows", "needs_poses", "sharable")
CHANGE_FACTS = ("values", "side_multiple")

ROOMS = {
    "methods": Room("methods", "METHOD", facts=METHOD_FACTS),
    "encoders": Room("models.encoders", "ENCODER", by_kind=True, facts=("dim", "memory", "reads_rows")),
    "views": Room("data.views", "VIEWS", by_kind=True, facts=VIEWS_FACTS),
    "augmentations": Room("data.augmentations", "AUGMENTATION", by_kind=True, facts=CHANGE_FACTS, extra=("group",)),
    "synthesizers": Room("data.synthesizers", "SYNTHESIZER", by_kind=True, facts=("inputs",)),
    "evaluators": Room("evaluation.evaluators", "EVALUATOR", facts=("replaces",)),
}

# Dataclasses that are no plug-ins, by the name of their schema. Where they stand under a `kind`, their room has one.
FIXED = {
    "training/training": "workflow_scripts.training.settings:Training",
    "optimizers/adam": "workflow_scripts.training.settings:Adam",
    "optimizers/adamw": "workflow_scripts.training.settings:AdamW",
    "optimizers/sgd": "workflow_scripts.training.settings:SGD",
    "schedules/cosine": "workflow_scripts.training.settings:Cosine",
    "schedules/steps": "workflow_scripts.training.settings:Steps",
    "evaluation/contexts": "workflow_scripts.evaluation.settings:Contexts",
    "engine/engine": "workflow_scripts.training.settings:EngineSettings",
    "sources/render": "workflow_scripts.data.rendering.settings:RenderSettings",
}
FIXED_KINDS = ("optimizers", "schedules")


def list_kinds(room: str) -> list[str]:
    """Return the names of what there is in a room."""
    if room in ROOMS:
        return list_plugins(ROOMS[room].package, ROOMS[room].attribute)
    return [name.partition("/")[2] for name in FIXED if name.startswith(f"{room}/")]


def locate_schema(room: str, name: str, folder: Path = SCHEMAS) -> Path:
    """Return the file of a schema."""
    return folder / room / f"{module_name(name)}.yaml"


@cache
def read_schema(room: str, name: str) -> dict[str, Any]:
    """Return the schema of a plug-in's, or a dataclass's, settings.

    Raises `UserError` where there is no such plug-in, or its schema was not made yet.
    """
    known = list_kinds(room)
    if name not in known:
        raise UserError(f"there is no {room.removesuffix('s')} {name!r}; {suggest(name, known)}")
    path = locate_schema(room, name)
    if not path.exists():
        raise UserError(f"{path} is missing: run `make schemas`, which writes it")
    schema: dict[str, Any] = read_yaml(path)
    return schema


def suggest(name: Any, known: Iterable[str]) -> str:
    """Return what could have been meant by a name that is not known."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there is {', '.join(names) or 'none'}"
