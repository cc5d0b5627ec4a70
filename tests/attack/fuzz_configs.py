"""Fuzzed configs: one entry of a shipped experiment is misspelt, renamed, taken away, or given any other value.

What is misspelt is refused, unless it is a name that the config itself defines. What else is wrong is refused in one
sentence, or what comes of it is complete: a complete config is completed to itself, and has all settings of its runs.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.attack.case import RIGHT, Case, Seen, attempt

Place = tuple[Any, ...]
NUMBERS = (-1, 0, 7, 10**9, 1e9, 10**30, 1e-300, math.nan, math.inf, -math.inf, 30.0, 0.5, True)
OTHERS = ("x", "", "1e-3", "on", None, [], {}, [[]], {"kind": "x"}, [0, 0], "../x", "a\nb", "\x00")
# Maps whose keys are names that this config gives, not names of something that is defined elsewhere.
GIVEN = ("sources", "dataset_settings", "encoders", "variants")
PROSE = ("device", "source", "experiment", "path", "group")  # text that names nothing, or what is defined by it


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield so many cases, the same for the same seed."""
    draw = random.Random(seed)
    from workflow_scripts.experiment.config import list_experiments

    names = list_experiments()
    for number in range(count):
        name = draw.choice(names)
        path = draw.choice(_list_paths(name))
        if draw.random() < 0.4 and (misspelt := _misspell(name, path, draw)):
            yield Case(f"{number}: {name} {_say(path)} misspelt: {misspelt[1]}", partial(_refuse, name, *misspelt))
        else:
            value = _draw_value(draw)
            label = "taken away" if value is partial else repr(value)[:40]
            yield Case(f"{number}: {name} {_say(path)}: {label}", partial(_try, name, path, value), RIGHT)


def _say(path: Place) -> str:
    return ".".join(map(str, path))


@cache
def _load(name: str) -> dict[str, Any]:
    from workflow_scripts.experiment.config import load_experiment

    return load_experiment(name)


@cache
def _list_paths(name: str) -> list[Place]:
    """Return the places of all entries of nested maps and lists."""

    def walk(value: Any, path: Place) -> Iterator[Place]:
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, entry in entries:
            yield (*path, key)
            yield from walk(entry, (*path, key))

    return list(walk(_load(name), ()))


def _misspell(name: str, path: Place, draw: random.Random) -> tuple[Place, str, bool] | None:
    """Return a place, how its key, or its text, is misspelt by one letter, and whether it is the key."""
    value = _load(name)
    for key in path:
        value = value[key]
    key = isinstance(path[-1], str) and not (isinstance(value, str) and draw.random() < 0.5)
    text = path[-1] if key else value
    if not isinstance(text, str) or len(text) < 3 or _is_free(path, key):
        return None
    place = draw.randrange(1, len(text))
    return path, text[:place] + "q" + text[place + draw.randrange(2) :], key


def _is_free(path: Place, key: bool) -> bool:
    """Tell whether a name is one that the config itself gives, or text that names nothing."""
    if key:
        defined = len(path) == 2 and path[0] in GIVEN
        return defined or path[-2:-1] == ("groups",) or path[-3:-1] == ("probe_effect", "probes")
    return path[-1] in PROSE or path[0] == "throughput" or path[-2:-1] == ("lambdas",)


def _draw_value(draw: random.Random) -> Any:
    """Return any value; `partial` stands for none, the entry is taken away."""
    kind = draw.random()
    if kind < 0.1:
        return partial
    if kind < 0.5:
        return draw.choice(NUMBERS)
    if kind < 0.75:
        return copy.deepcopy(draw.choice(OTHERS))
    return draw.choice((draw.randint(-(2**70), 2**70), draw.uniform(-2, 2), 10 ** draw.uniform(-320, 308)))


def _change(name: str, path: Place, value: Any, key: bool = False) -> dict[str, Any]:
    """Return an experiment's config with another value, or another key, at a place."""
    config = copy.deepcopy(_load(name))
    at: Any = config
    for part in path[:-1]:
        at = at[part]
    if key:
        entries = [(value if own == path[-1] else own, entry) for own, entry in at.items()]
        at.clear()
        at.update(entries)
    elif value is partial:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return config


def _refuse(name: str, path: Place, text: str, key: bool, _: Path) -> Seen:
    from workflow_scripts.experiment.config import complete_config

    return attempt(lambda: complete_config(_change(name, path, text, key)) and "it was accepted")


def _try(name: str, path: Place, value: Any, _: Path) -> Seen:
    """Complete a config: refused in one sentence, or complete."""
    from workflow_scripts.experiment.config import complete_config
    from workflow_scripts.experiment.runs import get_settings, list_runs
    from workflow_scripts.support.errors import UserError

    def check() -> str:
        try:
            completed = complete_config(_change(name, path, value))
        except UserError as error:
            sound = "\n" not in str(error) and len(str(error)) < 2000
            return "" if sound else f"the sentence is {str(error)[:200]!r}"
        for run in list_runs(completed):
            get_settings(completed, run)
        return "" if complete_config(completed) == completed else "it is not completed to itself"

    return attempt(check)
