"""From dataclasses to the schemas in schemas/, which say what settings may be and what they are by default.

A setting is declared once, as a field of a dataclass with a type, a default and a docstring. This module imports every
plug-in, torch included; `make schemas` and tests call it, and planning reads what it wrote.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from workflow_scripts.experiment.rooms import FIXED, FIXED_KINDS, ROOMS, Room, list_kinds, locate_schema
from workflow_scripts.support.files import write_text
from workflow_scripts.support.plugins import load_plugin

HEAD = "# Written by `make schemas` from {origin}; change the dataclass there.\n"
GROUP = {"type": "string", "pattern": "^[a-z0-9_]+$", "description": "Absent: a base augmentation, of no group."}
EXTRA = {"group": GROUP}


class Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _write_text)


def make_schemas() -> dict[Path, str]:
    """Return the text of every generated schema by its file."""
    texts = {}
    for room, place in ROOMS.items():
        for name in list_kinds(room):
            plugin = load_plugin(place.package, name, place.attribute)
            texts[locate_schema(room, name)] = render(make_plugin_schema(plugin, name, place), plugin)
    for where, target in FIXED.items():
        room, name = where.split("/")
        module, _, attribute = target.partition(":")
        cls = getattr(importlib.import_module(module), attribute)
        schema = make_schema(cls)
        texts[locate_schema(room, name)] = render(with_kind(schema, name) if room in FIXED_KINDS else schema, cls)
    return texts


def find_stale() -> dict[Path, str]:
    """Return the files in schemas/ that are not what they would be written as: their right text, "" = to delete."""
    wanted = make_schemas()
    rooms = {path.parent for path in wanted}
    present = {path for room in rooms for path in room.glob("*.yaml")}
    changed = {path: text for path, text in wanted.items() if path not in present or path.read_text() != text}
    return changed | dict.fromkeys(sorted(present - set(wanted)), "")


def write_schemas(stale: dict[Path, str]) -> None:
    """Write the given files, and delete those whose text is ""."""
    for path, text in stale.items():
        if text:
            write_text(path, text)
        else:
            path.unlink()


def render(schema: dict[str, Any], cls: type) -> str:
    """Return the text of a schema's file. cls: whose module is named in its head."""
    origin = cls.__module__.replace(".", "/") + ".py"
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 110, "default_flow_style": None}
    return HEAD.format(origin=origin) + yaml.dump(schema, Dumper=Dumper, **options)


def make_plugin_schema(plugin: type, name: str, room: Room) -> dict[str, Any]:
    """Return the schema of the settings of a plug-in, with what planning needs to know of its class."""
    schema = make_schema(plugin.Settings)  # type: ignore[attr-defined]
    schema["properties"] |= {key: EXTRA[key] for key in room.extra}
    facts = {fact: getattr(plugin, fact, None) for fact in room.facts}
    known = {fact: value for fact, value in facts.items() if isinstance(value, (bool, int, str, tuple))}
    schema |= {f"x-{fact}": _as_json(value) for fact, value in known.items()}
    return with_kind(schema, name) if room.by_kind else schema


def with_kind(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the schema of a map that says with `kind` which one it is."""
    return {**schema, "required": ["kind"], "properties": {"kind": {"const": kind}, **schema["properties"]}}


def make_schema(cls: type) -> dict[str, Any]:
    """Return the JSON schema of a dataclass: closed, with the default of every field, its docstring as description.

    Raises `TypeError` for a field without a default.
    """
    raw = TypeAdapter(cls).json_schema()
    schema: dict[str, Any] = _inline(raw, raw.get("$defs", {}))
    defaults = dataclasses.asdict(cls())
    for key, value in schema.setdefault("properties", {}).items():
        value["default"] = _as_json(defaults[key])
    schema["description"] = _describe(cls)
    order = ("description", "type", "additionalProperties", "properties")
    return {key: schema[key] for key in order if schema.get(key) not in (None, "")}


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema with what it refers to in its place, maps closed, and without titles."""
    if isinstance(schema, list):
        return [_inline(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
    found = {key: _inline(value, definitions) for key, value in schema.items() if key not in ("title", "$defs")}
    if "properties" in schema:
        # Here the keys are names of fields, one of which may be "title".
        found["properties"] = {key: _inline(value, definitions) for key, value in schema["properties"].items()}
        found["additionalProperties"] = False
    return found


def _as_json(value: Any) -> Any:
    """Return a default as YAML can hold it: tuples as lists."""
    if isinstance(value, dict):
        return {key: _as_json(entry) for key, entry in value.items()}
    return [_as_json(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _describe(cls: type) -> str:
    """Return the docstring of a dataclass, "" for the one that Python makes up."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return "" if text.startswith(f"{cls.__name__}(") else text
