"""Plain values: YAML without surprises, from files and from the command line.

Maps with text as keys, lists, text, whole and finite numbers, true, false and null. Everything else that YAML can say
is refused in one sentence that names the file and the key: tags, dates, NaN, infinities, keys that stand twice, and
aliases that expand without end or to more than a config can mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.support.errors import UserError

# The same safe loader in C, which is faster, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEPTH = 50  # of maps and lists in one another
VALUES = 100_000  # in one file, each alias counted as often as it is used
TAG = "tag:yaml.org,2002:"
PLAIN = {TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
KINDS = {TAG + "timestamp": "a date", TAG + "binary": "binary data", TAG + "set": "a set", TAG + "value": "="}


def read_yaml(path: Path) -> Any:
    """Read a YAML file; one that is missing, malformed or not plain is a `UserError`."""
    try:
        return parse_yaml(path.read_text(), str(path))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8 ({error.reason} at byte {error.start})") from None


def parse_yaml(text: str, origin: str) -> Any:
    """Return the value of a YAML text. origin: where it is from, for the sentence of a `UserError`."""
    try:
        _check_depth(text, origin)
        loader = LOADER(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node, origin)
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise UserError(f"{origin} is not plain YAML: {_explain(error)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{origin} is not plain YAML: {' '.join(str(error).split())}") from None
    check_plain(value, origin)
    return value


def _explain(error: yaml.MarkedYAMLError) -> str:
    """Say what a parser misses and in which line: its own text has a line break and no file."""
    parts = [(error.context, error.context_mark), (error.problem, error.problem_mark)]
    said = [f"{text}, line {mark.line + 1}" if mark else text for text, mark in parts if text]
    return ": ".join(said) or "it cannot be read"


def retype(value: Any, origin: str = "the command line") -> Any:
    """Give the scalars of a command-line override the types that YAML gives them; snakemake leaves all as strings.

    Text that YAML takes for anything but a number, true, false or null stays text. Raises `UserError` for what is not
    plain.
    """
    _count(value, origin, {})
    typed = _retype(value)
    check_plain(typed, origin)
    return typed


def _retype(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _retype(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_retype(entry) for entry in value]
    # Only one line, without brackets: nothing that nests, and nothing else that could be expensive to read.
    if not isinstance(value, str) or not value or not value.isprintable() or set(value) & set("[]{}"):
        return value
    try:
        found = yaml.load(value, LOADER)
    except (yaml.YAMLError, ValueError):
        return value
    return found if isinstance(found, (int, float, bool, type(None))) else value


def _count(value: Any, origin: str, sizes: dict[int, int]) -> int:
    """Return how many values there are in one, shared ones counted as often as they stand.

    sizes: of finished lists and maps by identity; 0 = begun. Raises `UserError` for an endless or a huge value.
    """
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = 0
        entries = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_count(entry, origin, sizes) for entry in entries)
    if not 0 < sizes[id(value)] <= VALUES:
        what = f"more than {VALUES} values" if sizes[id(value)] else "itself"
        raise UserError(f"{origin} holds a list or a map that contains {what}; use fewer aliases (*)")
    return sizes[id(value)]


def check_plain(value: Any, origin: str, place: tuple[str, ...] = ()) -> None:
    """Raise `UserError` where a value holds anything that is not plain."""
    if len(place) > DEPTH:
        raise UserError(f"{origin}: {'.'.join(place[:3])}... is nested more than {DEPTH} deep")
    where = f"{origin}: {'.'.join(place)}" if place else origin
    if isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise UserError(f"{where} has the key {key!r}, which is not text; write it in quotes")
            if not key.isprintable():
                raise UserError(f"{where} has the key {key!r}; a key is one line of printable text")
            check_plain(entry, origin, (*place, key))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            check_plain(entry, origin, (*place, str(i)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} is {value}; give a finite number")
    elif not isinstance(value, (str, int, float, bool, type(None))):
        raise UserError(f"{where} is {value!r}, a {type(value).__name__}; write it in quotes")


def _check_depth(text: str, origin: str) -> None:
    """Refuse deep nesting before anything recurses into it: PyYAML's C code would run out of stack."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise UserError(f"{origin}: line {_get_line(event)} is nested more than {DEPTH} deep")


def _get_line(place: yaml.Event | yaml.Node) -> int:
    return place.start_mark.line + 1 if place.start_mark else 0


def _check_node(root: yaml.Node, origin: str) -> None:
    """Refuse tags, keys that stand twice, and aliases that expand without end or hugely."""
    sizes: dict[int, int] = {}  # of finished nodes, with all aliases expanded; 0 = begun, so inside of itself

    def visit(node: yaml.Node, place: str) -> int:
        if id(node) in sizes:
            if not sizes[id(node)]:
                raise UserError(f"{origin}{place} contains itself: an alias (*) stands inside of its own anchor (&)")
            return sizes[id(node)]
        if node.tag not in PLAIN:
            what = KINDS.get(node.tag, f"of the type {node.tag.removeprefix(TAG)}")
            raise UserError(f"{origin}{place} is {what}, which is not plain YAML; write it as text, in quotes")
        sizes[id(node)] = 0
        size = 1 + sum(visit(child, where) for child, where in _list_children(node, origin, place))
        if size > VALUES:
            raise UserError(f"{origin}{place} expands to more than {VALUES} values; use fewer aliases (*)")
        sizes[id(node)] = size
        return size

    visit(root, "")


def _list_children(node: yaml.Node, origin: str, place: str) -> Iterator[tuple[yaml.Node, str]]:
    """Yield what is in a list or a map, each with its place; a key that stands twice is a `UserError`."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((entry, f"{place or ':'} [{i}]") for i, entry in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, entry in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{origin}{place} has a key that is not text, in line {_get_line(key)}")
            if name in seen:
                raise UserError(
                    f"{origin}{place} has the key {name!r} twice, again in line {_get_line(key)}; remove one"
                )
            seen.add(name)
            yield key, place
            yield entry, f"{place}.{name}" if place else f": {name}"
