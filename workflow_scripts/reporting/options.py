"""Plug-ins of reporting, made from an entry of a view: its `kind` names the module, the rest are the module's options.

A finding (reporting/findings/<kind>.py, FINDING) and a figure (reporting/figures/<kind>.py, FIGURE) are frozen
dataclasses whose fields are their options.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter, ValidationError

from workflow_scripts.experiment.rooms import suggest
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin

COLUMNS = ("method", "group", "variant", "representation", "condition", "level", "task", "metric")


def _check_columns(query: dict[str, str | int]) -> dict[str, str | int]:
    """Refuse a query on columns that queries are not made of."""
    for column in query:
        if column not in COLUMNS:
            raise ValueError(f"unknown key {column!r}; {suggest(column, COLUMNS)}")
    return query


Query = Annotated[dict[str, str | int], AfterValidator(_check_columns)]  # an option that is a query on rows


def make_plugin(package: str, attribute: str, spec: dict[str, Any], where: str) -> Any:
    """Return the plug-in that `spec` names, with its options.

    package: of workflow_scripts, such as "reporting.figures". attribute: what its modules offer, such as "FIGURE".
    Raises `UserError`, which names `where`, for an unknown kind and for options that are unknown, missing or wrong.
    """
    try:
        plugin = load_plugin(package, spec["kind"], attribute)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    options = {key: value for key, value in spec.items() if key != "kind"}
    known = [field.name for field in fields(plugin)]
    for key in options:
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r} of kind {spec['kind']}; {suggest(key, known)}")
    try:
        return TypeAdapter(plugin).validate_python(options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"{where}: {key} of kind {spec['kind']} is wrong ({first['msg']})") from None
