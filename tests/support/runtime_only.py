"""The environment as users have it: without what only tests and checks need."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from project import ROOT

HIDE = """\
import sys
HIDDEN = {hidden!r}
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}} (it is only there for tests)", name=name)
sys.meta_path.insert(0, Hide())
"""


def normalise(name: str) -> str:
    """A package's name, which may be written in several ways, as the index has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def list_runtime() -> set[str]:
    """The installed packages that envs/requirements.in asks for, directly or not."""
    lines = (ROOT / "envs" / "requirements.in").read_text().splitlines()
    left = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found: dict[tuple[str, frozenset[str]], None] = {}
    while left:
        wanted = left.pop()
        key = (normalise(wanted.name), frozenset(wanted.extras))
        if key in found:
            continue
        try:
            needs = [Requirement(text) for text in requires(wanted.name) or ()]
        except PackageNotFoundError:
            continue  # of another platform
        found[key] = None
        given = [{"extra": extra} for extra in ("", *wanted.extras)]
        left += [need for need in needs if need.marker is None or any(need.marker.evaluate(extra) for extra in given)]
    return {name for name, _ in found}


def list_development_modules() -> set[str]:
    """Top-level modules that are there for tests and checks only. Names such as `_x` are parts of others."""
    runtime = list_runtime() | {"pip", "setuptools", "wheel"}
    modules = packages_distributions()
    return {module for module, owners in modules.items() if not runtime & set(map(normalise, owners))}


def hide_development_packages(folder: Path) -> dict[str, str]:
    """Return variables with which a Python finds no package that only tests and checks need. folder: to write to."""
    (folder / "sitecustomize.py").write_text(HIDE.format(hidden=sorted(list_development_modules())))
    return {"PYTHONPATH": str(folder)}
