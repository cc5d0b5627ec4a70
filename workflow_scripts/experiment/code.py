"""Which source files decide the numbers of a run: what its commands import, and the plug-ins that its settings name.

Plug-ins are imported by name, so no import statement leads to one: another run's change no number of this one, and
leave its results valid.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.support.plugins import module_name

PACKAGE = Path(__file__).parents[1]
ROOT_NAME = "workflow_scripts"

# Neither counted nor followed, since they change no number of a run:
PASSIVE = (
    # messages, files, processes, and where a plug-in is found;
    *(f"support/{name}.py" for name in ("errors", "files", "gpus", "lifeline", "memory", "plugins", "progress")),
    *("support/settings.py", "support/templates.py", "support/workers.py"),
    # settings, which have a hash of their own, and what is refused;
    *(f"experiment/{name}.py" for name in ("checking", "code", "config", "identity", "plain", "rooms", "runs")),
    # how packed data were made: they have a hash of their own (see also `ACTIVE_DATA`);
    *("data/packing.py", "data/writer.py"),
    # what is done with the numbers afterwards.
    "reporting/",
)
ACTIVE_DATA = ("data/views/", "data/augmentations/")  # the subpackages of data/ that a run's numbers depend on


def list_training_code(settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the source files, within workflow_scripts, that decide the weights of a run. settings: the run's."""
    imported = ("import_checkpoint.py", f"methods/released/{module_name(settings['method'])}.py")
    commands = imported if settings["training"].get("checkpoint") else ("pretrain.py",)
    return _follow((*commands, *_list_plugins(settings)))


def list_evaluation_code(settings: dict[str, Any], evaluators: Iterable[str]) -> tuple[str, ...]:
    """Return the source files that decide the rows of a run, given its weights. evaluators: names of the config's."""
    own = (f"evaluation/evaluators/{module_name(name)}.py" for name in sorted(evaluators))
    return _follow(("evaluate.py", *own, *_list_plugins(settings)))


@cache
def hash_code(parts: tuple[str, ...]) -> str:
    """Return a hash of the source of the given modules and subpackages of workflow_scripts."""
    digest = hashlib.sha256()
    for part in parts:
        path = PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _list_plugins(settings: dict[str, Any]) -> Iterator[str]:
    """Yield the files of the plug-ins that a run's settings name."""
    yield f"methods/{module_name(settings['method'])}.py"
    yield f"models/encoders/{module_name(settings['encoder']['kind'])}.py"
    yield f"data/views/{module_name(settings['dataset']['views']['kind'])}.py"
    views = settings["dataset"]["views"]
    # Of some kinds of views the groups are augmentations, too; of others, names of what they are made of.
    kinds = sorted(set(_list_kinds([views.get("augmentations", []), views.get("groups", [])])))
    yield from (f"data/augmentations/{module_name(kind)}.py" for kind in kinds)


def _list_kinds(value: Any) -> Iterator[str]:
    """Yield every `kind` in nested maps and lists."""
    if isinstance(value, dict):
        yield from ([value["kind"]] if "kind" in value else [])
        value = list(value.values())
    for entry in value if isinstance(value, list) else []:
        yield from _list_kinds(entry)


@cache
def _follow(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return files, and those that they import, and so on, sorted. Files that are not there are left out."""
    found: set[str] = set()
    left = list(entries)
    while left:
        file = left.pop()
        if file not in found and not _is_passive(file) and (PACKAGE / file).exists():
            found.add(file)
            left += _list_imports(file)
    return tuple(sorted(found))


def _is_passive(file: str) -> bool:
    """Tell whether a file is neither counted nor followed."""
    inner = file.startswith("data/") and file.count("/") > 1
    return file.startswith(PASSIVE) or (inner and not file.startswith(ACTIVE_DATA))


@cache
def _list_imports(file: str) -> tuple[str, ...]:
    """Return the files within workflow_scripts that a file imports when it runs, packages' own included."""
    names: list[str] = []
    for node in _walk(ast.parse((PACKAGE / file).read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files: list[str] = []
    for name in names:
        parts = name.split(".")
        if parts[0] == ROOT_NAME:
            files.append("/".join(parts[1:]) + ".py")
            files += ["/".join([*parts[1:stop], "__init__.py"]) for stop in range(2, len(parts) + 1)]
    return tuple(file for file in dict.fromkeys(files) if (PACKAGE / file).exists() and not _is_empty(file))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module, but for what is imported for types only."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from _walk(child)


def _is_empty(file: str) -> bool:
    """Tell whether a module holds nothing but a docstring."""
    return all(isinstance(node, ast.Expr) for node in ast.parse((PACKAGE / file).read_text()).body)
