"""An attack: something hostile or wrong that is given to the project, and what must come of it.

There are two right outcomes. What cannot be used is refused: one sentence on stderr, exit code 1, nothing lost. What
can be used is used, and the result is right. All else is a defect: a traceback, a hang, or a wrong result in silence.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFUSED, RIGHT = "refused", "right"  # outcomes that an attack may be expected to have
TRACEBACK, HANG, SILENT, LOST, OTHER = "traceback", "hang", "silent", "lost", "other words"  # all others
SECONDS = 60.0  # until a command counts as hanging
MEMORY = 4 << 30  # bytes of address space that a command may take beyond what torch maps
KILLED = -9


@dataclass(frozen=True)
class Seen:
    """What a command, or several, came to.

    code: exit code; None = it hung and was killed. output: all that was printed. problem: what a check of the results
    found to be wrong, "" where nothing is. lost: whether that is work which was there before.
    """

    code: int | None
    output: str
    problem: str = ""
    lost: bool = False

    @property
    def sentence(self) -> str:
        """The first line that was meant for the user, without "error: ", or ""."""
        found = re.search(r"^(?:\w+: )*(?:error|warning): (.*)$", self.output, re.MULTILINE)
        return found[1] if found else ""


@dataclass(frozen=True)
class Case:
    """One attack.

    name: what is wrong, in a few words, unique in its part. act: does it in an empty folder, and says what was seen.
    expected: `REFUSED` or `RIGHT`. says: a regular expression that the sentence of a refusal must hold. quick: whether
    it takes no more than two seconds, so that it is part of `make test`.
    """

    name: str
    act: Callable[[Path], Seen]
    expected: str = REFUSED
    says: str = ""
    quick: bool = False


def judge(case: Case, seen: Seen) -> str:
    """Return the outcome of an attack: `case.expected`, or which defect it is."""
    if seen.code is None:
        return HANG
    if "Traceback (most recent call last)" in seen.output or seen.code == KILLED:
        return TRACEBACK
    if seen.lost:
        return LOST
    if case.expected == REFUSED and seen.code == 0:
        return SILENT
    if seen.problem:
        return SILENT if seen.code == 0 else OTHER
    if case.expected == RIGHT:
        return RIGHT if seen.code == 0 else OTHER
    one = len(re.findall(r"^(?:\w+: )*error: ", seen.output, re.MULTILINE)) == 1
    return REFUSED if one and re.search(case.says, seen.sentence) else OTHER


def call(
    *words: str | Path, cwd: Path, seconds: float = SECONDS, memory: int = 0, environment: dict[str, str] | None = None
) -> Seen:
    """Run a module of workflow_scripts, or a script, with arguments, as a rule does: `call("pack", "--manifest", ...)`.

    seconds: until it is killed as hanging. memory: of address space [bytes], 0 = unlimited.
    """
    command = [sys.executable, "-m", f"workflow_scripts.{words[0]}", *map(str, words[1:])]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}

    def limit() -> None:
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=variables,
        text=True,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        preexec_fn=limit,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        os.killpg(process.pid, 9)
        try:
            return Seen(None, process.communicate(timeout=5)[0])
        except subprocess.TimeoutExpired:  # what it started in a session of its own holds the pipe
            return Seen(None, str(late.output or ""))
    return Seen(process.returncode, output)


def attempt(check: Callable[[], str | None]) -> Seen:
    """Run a check within this process, as a command would: a `UserError` becomes its sentence, others a traceback.

    check: returns what is wrong with the result, "" or None where nothing is.
    """
    import traceback

    from workflow_scripts.support.errors import UserError

    try:
        problem = check() or ""
    except UserError as error:
        return Seen(1, f"error: {error}")
    except Exception:
        return Seen(1, traceback.format_exc())
    return Seen(0, "", problem)
