"""What became of one attack, and how the parts of `make attack` hand their attacks to the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.attack.case import HANG, LOST, REFUSED, RIGHT, Case, Seen, judge

KEPT = "nothing lost"  # what is expected of kills, damage and disks: refused or mended, and then the same bytes
EITHER = "refused or right"


@dataclass(frozen=True)
class Trial:
    """One attack: its kind, whether it came out as expected, and what the user saw of it.

    name: of this one, where its kind has many. defect: which it is where it did not survive, of those in
    `tests.attack.case`. aimed: whether it hit anything; a kill of what has ended does not.
    """

    kind: str
    survived: bool
    seen: str
    expected: str = KEPT
    defect: str = LOST
    name: str = ""
    aimed: bool = True


@dataclass(frozen=True)
class Attack:
    """An attack to come. act: does it in a folder of its own, which does not exist yet. limit: until it hangs [s]."""

    kind: str
    act: Callable[[Path], list[Trial]]
    expected: str = KEPT
    name: str = ""
    limit: float = 300.0


class HangError(Exception):
    """A command of the workflow did not end in its time, and was killed. The message says which."""


def describe(seen: Seen) -> str:
    """Return what the user saw, in one line; of a wrong result, what is wrong; of a traceback, its last line."""
    if seen.problem:
        return seen.problem
    lines = [line for line in seen.output.strip().splitlines() if line.strip()]
    if "Traceback (most recent call last)" in seen.output:
        return lines[-1].strip()
    if seen.sentence:
        return f"error: {seen.sentence}" if seen.code else seen.sentence
    return "the right result" if seen.code == 0 else lines[-1].strip() if lines else f"nothing; exit code {seen.code}"


def make_attack(case: Case, kind: str, expected: str = "") -> Attack:
    """Return a case as an attack. kind: under which it is counted. expected: by the table, where not the case's."""

    def act(folder: Path) -> list[Trial]:
        folder.mkdir(parents=True)
        seen = case.act(folder)
        outcome = judge(case, seen)
        said = describe(seen)
        if outcome != case.expected and case.expected == REFUSED and case.says:
            said += f" (expected: {case.says})"
        return [Trial(kind, outcome == case.expected, said, expected or case.expected, outcome, case.name)]

    return Attack(kind, act, expected or case.expected, case.name)


def make_hang(attack: Attack, why: str) -> Trial:
    """Return the trial of an attack that was stopped. why: it took too long, too much memory, or died."""
    return Trial(attack.kind, False, why, attack.expected, HANG, attack.name)


__all__ = ["EITHER", "KEPT", "REFUSED", "RIGHT", "Attack", "HangError", "Trial", "describe", "make_attack", "make_hang"]
