"""Texts made from templates: one way to fill them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def fill_template(template: Path, **values: Any) -> str:
    """Return the text of a Jinja template (`.j2`), which may import its neighbours; `.html.j2` escapes its values.

    Raises `jinja2.UndefinedError` for a name that the template uses and `values` lacks.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
