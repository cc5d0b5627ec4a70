"""All cases of tests/attack/cases, and what tests/attack/fuzz_*.py make up, as attacks."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.attack import cases as rooms
from tests.attack.case import Case
from tests.attack.trial import EITHER, Attack, make_attack

HERE = Path(__file__).parent


def list_rooms() -> list[str]:
    """Return the names of the modules of cases."""
    return sorted(module.name for module in pkgutil.iter_modules(rooms.__path__))


def list_fuzzers() -> list[str]:
    """Return the names of the modules that make up cases."""
    return sorted(path.stem for path in HERE.glob("fuzz_*.py"))


def load(name: str) -> ModuleType:
    """Import a module of tests.attack."""
    return importlib.import_module(f"tests.attack.{name}")


def list_cases() -> Iterator[tuple[str, Case]]:
    """Yield all cases, each with the name of its module."""
    for room in list_rooms():
        for case in load(f"cases.{room}").CASES:
            yield room, case


def make_cases(fuzzer: str, seed: int, count: int) -> list[Case]:
    """Return `count` cases that a module makes up."""
    return list(load(fuzzer).cases(seed, count))


def input_attacks(room: str) -> list[Attack]:
    """Return the cases of a module as attacks, each a kind of its own."""
    return [make_attack(case, f"{room}: {case.name}") for case in load(f"cases.{room}").CASES]


def fuzz_attacks(fuzzer: str, seed: int, count: int) -> list[Attack]:
    """Return `count` made-up cases as attacks, all of one kind."""
    return [make_attack(case, fuzzer.replace("_", " "), EITHER) for case in make_cases(fuzzer, seed, count)]
