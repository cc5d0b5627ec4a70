"""Numbers that are bound to other settings: what their schemas say of it, see `support.settings`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Settings = dict[str, Any]


def compare_numbers(own: Settings, schema: dict[str, Any], place: str, run: Settings) -> Iterator[str]:
    """Yield what is wrong with numbers of a map of settings, and of maps in it.

    own: the map, complete; schema: its. place: where it stands, "" = nowhere that is said. run: all settings of the
    run, in which bounds are looked up that do not stand in the map itself.
    """
    for key, rule in schema.get("properties", {}).items():
        value, where = own.get(key), f"{place}.{key}" if place else key
        if isinstance(value, dict):
            yield from compare_numbers(value, rule, where, run)
        elif value is not None:
            yield from _compare(value, rule, where, own, run)


def _compare(value: Any, rule: dict[str, Any], where: str, own: Settings, run: Settings) -> Iterator[str]:
    """Yield what is wrong with one number, or list of such."""
    if divides := rule.get("x-divides"):
        yield from _divide(value, divides, where, _look_up(divides["of"], own, run))
    for other, needed in rule.get("x-negative_with", {}).items():
        if value < 0 and own[other] != needed:
            yield (
                f"{where} is {value:g}, but below 0 it goes with {other} {needed} only, not {own[other]}; "
                f"give it a positive value, or write {other}: {needed}"
            )
    if (least := rule.get("x-at_least")) and value < (bound := _look_up(least["of"], own, run)):
        yield f"{where} ({value}) is less than {least['of']} ({bound}); raise it, so that {least['reason']}"
    if (most := rule.get("x-at_most")) and own.get(most["unless"]) is None:
        bound, low = _look_up(most["of"], own, run), most["below"]
        for entry in value if isinstance(value, list) else [value]:
            if entry > bound or (low and entry == bound):
                what = "is not below" if low else "is more than"
                of = most["of"] if "." in most["of"] else f"{where.rpartition('.')[0]}.{most['of']}"
                yield f"{where} ({entry}) {what} {of} ({bound}); lower it, so that {most['reason']}"


def _look_up(of: str, own: Settings, run: Settings) -> Any:
    """Return another setting: of the run, such as "training.steps", or of the map itself."""
    section, _, name = of.rpartition(".")
    return run[section][name] if section else own[name]


def _divide(value: int, rule: dict[str, Any], where: str, whole: int) -> Iterator[str]:
    """Yield what is wrong with a number that is to divide another one."""
    part, times = value // rule["per"], rule["times"]
    half = f" / {rule['per']}" if rule["per"] > 1 else ""
    said = f"{where} ({value}){half} does not divide {rule['of']} ({whole})"
    if whole % part:
        yield f"{said}; choose one that does, so that {rule['reason']}"
    elif whole < times * part:
        yield f"{said} {times} times or more; choose a smaller one, so that {rule['reason']}"


def find_reach(value: Any, rule: dict[str, Any]) -> int:
    """Return how many pixels the largest of numbers of an augmentation reaches, see `support.settings.Reach`."""
    largest = max(value) if isinstance(value, list) else value
    return math.ceil((largest - rule["less"]) * rule["per"])
