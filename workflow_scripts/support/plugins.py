"""Modules that are found by name: methods, encoders, kinds of views, augmentations, readers, evaluators and more.

What a module offers stands under one name in it, the attribute: a method's module has a `METHOD`, for example. To add
one is to add a file.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import UserError

PACKAGE = Path(__file__).parents[1]


def module_name(name: str) -> str:
    """Return the module of a plug-in's name: a "+" is written as "_plus", a "-" as "_"."""
    return name.replace("+", "_plus").replace("-", "_")


@cache
def list_plugins(package: str, attribute: str) -> list[str]:
    """Return the names of the modules of a package (such as "models.encoders") that offer `attribute`.

    Reads their text and imports none of them. A module's final "_plus" is a "+" of the name.
    """
    offers = re.compile(rf"^(def )?{attribute}\b", re.MULTILINE)
    files = sorted((PACKAGE / package.replace(".", "/")).glob("*.py"))
    return [re.sub("_plus$", "+", file.stem) for file in files if offers.search(file.read_text())]


def load_plugin(package: str, name: str, attribute: str) -> Any:
    """Import a module by a plug-in's name and return what it offers.

    Raises `UserError` where the package has no such module.
    """
    if name not in list_plugins(package, attribute):
        known = ", ".join(list_plugins(package, attribute))
        where = f"workflow_scripts/{package.replace('.', '/')}"
        raise UserError(f"there is no {attribute.lower()} {name!r}: {where}/{module_name(name)}.py; there is {known}")
    return getattr(importlib.import_module(f"workflow_scripts.{package}.{module_name(name)}"), attribute)


@cache
def find_text(package: str, name: str, attribute: str) -> str:
    """Return the text that a plug-in's module names as `attribute`, without importing the module."""
    path = PACKAGE / package.replace(".", "/") / f"{module_name(name)}.py"
    found = re.search(rf'^{attribute} = "(.*)"', path.read_text(), re.MULTILINE)
    if found is None:
        raise UserError(f'{path} does not say {attribute}; write {attribute} = "<text>" in it')
    return found[1]
