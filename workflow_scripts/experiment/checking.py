"""Checking values against schemas, in sentences that name the key, and filling in defaults.

Beside JSON schema's own keywords, schemas here may have:

- `x-schema: <room>/<name>`: the value is as that generated schema says;
- `x-kinds: <room>`: a map whose `kind` names its schema in the room. Without a `kind`, as in a departure from a map
  that has one, each key is checked by any schema of the room that has it;
- `x-each: <room>`: each key of the map names the schema of its value;
- `x-settings: <room>`: each key names the schema of its value's `settings`;
- `x-partial: true`: a departure from other settings, into which no defaults are filled;
- `x-ascending: true`: a list of numbers of which none is less than the one before it.

Stricter than JSON schema: 5.0 is no integer, NaN and infinities are no numbers, and `$` in a pattern does not match
before a line break.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import list_kinds, read_schema, suggest
from workflow_scripts.support.errors import UserError

Schema = dict[str, Any]
FOUND = ("x-schema", "x-kinds", "x-each", "x-settings", "x-ascending")  # keywords whose errors are whole sentences


def check_schema(value: Any, schema: Path | Schema, origin: str, place: tuple[str, ...] = ()) -> None:
    """Raise `UserError`, naming `origin`, where a value is not what a schema allows. place: where the value stands."""
    whole = read_yaml(schema) if isinstance(schema, Path) else schema
    definitions = whole.get("$defs", {})
    errors = Strict(whole).iter_errors(value)
    # A wrong value makes its key, and all beside it, "unevaluated": only keys that nobody knows are reported as such.
    error = best_match(e for e in errors if e.validator != "unevaluatedProperties" or _unknown_keys(e, definitions)[0])
    if error is not None:
        raise UserError(f"{origin}: {_explain(error, definitions, place)}")


def allow_keys(known: Iterable[str]) -> Schema:
    """Return the schema of a map that has no keys but these, whatever their values."""
    return {"properties": {key: {} for key in known}, "additionalProperties": False}


def fill(value: Any, schema: Schema) -> Any:
    """Return a valid value with the defaults of a schema, and of those that it names, where it says nothing.

    Whole numbers become floats where the schema says "number": equal settings are then written alike.
    """
    if schema.get("x-partial"):
        return value
    if "x-schema" in schema:
        return fill(value, read_schema(*schema["x-schema"].split("/")))
    if "x-kinds" in schema:
        return fill(value, read_schema(schema["x-kinds"], value["kind"])) if "kind" in value else value
    if "x-each" in schema:
        return {key: fill(entry, read_schema(schema["x-each"], key)) for key, entry in value.items()}
    if "anyOf" in schema:
        schema = next((option for option in schema["anyOf"] if Strict(option).is_valid(value)), {})
    if isinstance(value, dict):
        return _fill_map(value, schema)
    if isinstance(value, list):
        own = schema.get("prefixItems", [])
        return [fill(entry, own[i] if i < len(own) else schema.get("items", {})) for i, entry in enumerate(value)]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and schema.get("type") == "number" else value


def _fill_map(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    known, other = schema.get("properties", {}), schema.get("additionalProperties")
    other = other if isinstance(other, dict) else {}
    filled = {}
    for key, own in known.items():
        if key in value:
            given, default = value[key], own.get("default")
            if isinstance(default, dict) and isinstance(given, dict):
                given = merge(default, given)
            filled[key] = fill(given, own)
        elif "default" in own:
            filled[key] = fill(copy.deepcopy(own["default"]), own)
    return filled | {key: fill(entry, other) for key, entry in value.items() if key not in known}


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `overlay` merged into it, map by map; a map whose `kind` differs replaces the one below it."""
    merged = dict(base)
    for key, value in overlay.items():
        below: Any = merged.get(key)
        nested = isinstance(value, dict) and isinstance(below, dict)
        same = nested and value.get("kind", below.get("kind")) == below.get("kind")
        merged[key] = merge(below, value) if same else value
    return merged


def _is_number(_: Any, value: Any) -> bool:
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return finite and not isinstance(value, bool)


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_pattern(_: Any, pattern: str, value: Any, __: Schema) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _descend(validator: Any, value: Any, room: str, name: Any, path: str | None = None) -> Iterator[ValidationError]:
    """Yield the errors of a value by the schema of a name in a room, or that there is no such name."""
    if not isinstance(name, str):
        yield ValidationError(f"the kind is {name!r}; {suggest(name, list_kinds(room))}")
        return
    try:
        schema = read_schema(room, name)
    except UserError as error:
        yield ValidationError(str(error), path=[path] if path else [])
        return
    yield from validator.descend(value, schema, path=path)


def _check_named(validator: Any, name: str, value: Any, _: Schema) -> Iterator[ValidationError]:
    yield from _descend(validator, value, *name.split("/"))


def _check_kind(validator: Any, room: str, value: Any, _: Schema) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        yield ValidationError(f"{value!r} is not a map with a `kind`")
    elif "kind" in value:
        yield from _descend(validator, value, room, value["kind"])
    else:
        known: dict[str, list[Schema]] = {}
        for kind in list_kinds(room):
            for key, own in read_schema(room, kind)["properties"].items():
                known.setdefault(key, []).append(own)
        yield from validator.descend(value, allow_keys(known))
        for key in value.keys() & known.keys():
            if not any(validator.evolve(schema=own).is_valid(value[key]) for own in known[key]):
                yield from validator.descend(value[key], known[key][0], path=key)


def _check_each(validator: Any, room: str, value: Any, _: Schema) -> Iterator[ValidationError]:
    for name, entry in value.items() if isinstance(value, dict) else ():
        yield from _descend(validator, entry, room, name, name)


def _check_settings(validator: Any, room: str, value: Any, _: Schema) -> Iterator[ValidationError]:
    for name, entry in value.items() if isinstance(value, dict) else ():
        settings = entry.get("settings", {}) if isinstance(entry, dict) else {}
        for error in _descend(validator, settings, room, name, "settings"):
            error.path.appendleft(name)
            yield error


def _check_ascending(_: Any, __: bool, value: Any, ___: Schema) -> Iterator[ValidationError]:
    numbers = [entry for entry in value if _is_number(None, entry)] if isinstance(value, list) else []
    if numbers != sorted(numbers):
        yield ValidationError(f"{value} does not ascend; give the lowest value first")


Strict = extend(
    Draft202012Validator,
    {
        "pattern": _check_pattern,
        "x-schema": _check_named,
        "x-kinds": _check_kind,
        "x-each": _check_each,
        "x-settings": _check_settings,
        "x-ascending": _check_ascending,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number).redefine("integer", _is_integer),
)


def _unknown_keys(error: ValidationError, definitions: Schema) -> tuple[list[Any], list[str]]:
    """Return the keys of a map that its schema does not know, and those that it knows."""
    allowed: Schema = dict(error.schema)  # type: ignore[arg-type]
    parts = [definitions[part["$ref"].rpartition("/")[2]] for part in allowed.get("allOf", []) if "$ref" in part]
    known = [key for part in (*parts, allowed) for key in part.get("properties", {})]
    return [key for key in dict(error.instance) if key not in known], known  # type: ignore[arg-type]


def _explain(error: ValidationError, definitions: Schema, place: tuple[str, ...]) -> str:
    """Say in one sentence what is wrong. definitions: the schema's $defs."""
    where = ".".join(str(part) for part in (*place, *error.absolute_path)) or "the top level"
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        unknown, known = _unknown_keys(error, definitions)
        return f"unknown key {unknown[0]!r} at {where}; {suggest(unknown[0], known)}"
    if error.validator == "oneOf" and (keys := _list_alternatives(error)):
        return f"{where}: give exactly one of {', '.join(keys)}"
    if error.validator in FOUND:
        return f"{where}: {error.message}"
    message = " ".join(error.message.split())
    if len(message) > 300:  # a value and, at the end, what is wrong with it
        message = f"{message[:200]} ... {message[-100:]}"
    return f"{where}: {message}{_hint(error)}; see schemas/"


def _list_alternatives(error: ValidationError) -> list[str]:
    """Return the keys of which a map must have one; none where its alternatives are of another kind."""
    parts: list[Schema] = list(error.validator_value)  # type: ignore[arg-type]
    return [part["required"][0] for part in parts] if all(list(part) == ["required"] for part in parts) else []


def _hint(error: ValidationError) -> str:
    """Say what to write where a name is misspelt, or YAML did not read a number as one."""
    if error.validator == "enum" and isinstance(error.instance, str):
        words = [option for option in list(error.validator_value) if isinstance(option, str)]  # type: ignore[arg-type]
        meant = suggest(error.instance, words)
        return f"; {meant}" if "did you mean" in meant else ""
    if error.validator == "type" and error.validator_value in ("number", "integer"):
        value: Any = error.instance
        if isinstance(value, float) and value.is_integer() and error.validator_value == "integer":
            return f" (write {int(value)})"
        if isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value):
            return " (YAML reads it as text; write 1.0e-3 for 1e-3)"
    return ""
