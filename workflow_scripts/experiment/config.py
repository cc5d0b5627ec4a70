"""Checking a config against its schema, with errors that name the key and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from workflow_scripts.support.errors import UserError

ROOT = Path(__file__).parents[2]
# The same safe loader in C, which is faster, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SCHEMA = ROOT / "schemas" / "config.schema.yaml"
# A layout is a module of data/ with a reader of its files.
LAYOUTS = [path.stem for path in (ROOT / "workflow_scripts" / "data").glob("*.py") if "open_reader" in path.read_text()]


def read_yaml(path: Path) -> Any:
    """Read a YAML file safely (no tags); a missing or malformed one is a `UserError`."""
    try:
        return yaml.load(path.read_text(), LOADER)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not plain YAML: {' '.join(str(error).split())}") from None


def retype(value: Any) -> Any:
    """Give the scalars of a command-line override the types that YAML gives them; snakemake leaves all as strings."""
    if isinstance(value, dict):
        return {key: retype(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [retype(entry) for entry in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) and value else value
    except yaml.YAMLError:
        return value


def check_config(config: dict[str, Any]) -> None:
    """Raise `UserError` with one sentence where the config is not what the schema allows."""
    check_schema(config, SCHEMA, "config")
    _require(config["encoder"], config["encoders"], "encoder", "encoders")
    for dataset in config["datasets"]:
        _require(dataset, config["dataset_settings"], "datasets", "dataset_settings")
        entry = config["dataset_settings"][dataset]
        _require(entry["source"], config["sources"], f"{dataset}.source", "sources")
        _require(entry.get("encoder", config["encoder"]), config["encoders"], f"{dataset}.encoder", "encoders")
        _require(config["sources"][entry["source"]]["layout"], LAYOUTS, f"{entry['source']}.layout", "data/*.py")


def check_schema(value: Any, schema: Path, origin: str) -> None:
    """Raise `UserError`, naming `origin`, where a value is not what a JSON schema allows."""
    whole = read_yaml(schema)
    definitions = whole.get("$defs", {})
    errors = Draft202012Validator(whole).iter_errors(value)
    # A wrong value makes its key, and all beside it, "unevaluated": only keys that nobody knows are reported as such.
    error = best_match(e for e in errors if e.validator != "unevaluatedProperties" or _unknown_keys(e, definitions)[0])
    if error is not None:
        raise UserError(f"{origin}: {_explain(error, definitions)}")


def _require(name: str, known: Iterable[str], where: str, definitions: str) -> None:
    if name not in known:
        raise UserError(f"{where} names {name!r}, which {definitions} does not define; it has {sorted(known)}")


def _unknown_keys(error: ValidationError, definitions: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Return the keys of a map that its schema does not know, and those that it knows."""
    allowed: dict[str, Any] = dict(error.schema)  # type: ignore[arg-type]
    parts = [definitions[part["$ref"].rpartition("/")[2]] for part in allowed.get("allOf", [])]
    known = [key for part in (*parts, allowed) for key in part.get("properties", {})]
    return [key for key in dict(error.instance) if key not in known], known  # type: ignore[arg-type]


def _explain(error: ValidationError, definitions: dict[str, Any]) -> str:
    """Say in one sentence what is wrong with a config. definitions: the schema's $defs."""
    where = ".".join(str(part) for part in error.absolute_path) or "the top level"
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        unknown, known = _unknown_keys(error, definitions)
        close = difflib.get_close_matches(str(unknown[0]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key {unknown[0]!r} at {where}; {hint}"
    return f"{where}: {error.message}; see schemas/"
