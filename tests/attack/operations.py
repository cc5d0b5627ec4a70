"""Operations: each stage of the workflow is killed, or gets an error, at exact operations on files; then it runs again.

A stage's command is that of its rule, in a copy of a finished workflow without what the stage makes.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.attack.case import HANG, KILLED, LOST, OTHER, REFUSED, SILENT, Case, judge
from tests.attack.hooked import Strike, call_forked, count_operations, import_same
from tests.attack.tiny import EXPERIMENT, METRICS, ROOT, RUN, SPACE, make_environment
from tests.attack.trial import KEPT, Attack, Trial, describe

REPORTS = Path("reports/contextssl/smoke")
SAMPLE = 8  # operations of a dear stage
ERRORS = (errno.ENOSPC, errno.EIO)
ERROR_SAMPLE = 4  # operations of a stage that get each error
# Bash says which words a command of a rule has, as the rule would get them.
SPLIT = r"""python() { printf '%s\0' "$@"; }; tee() { cat; }; """


@dataclass(frozen=True)
class Step:
    """A stage. makes: what it makes, which is deleted before. of: what its command line holds, to tell it from others
    of its rule. cheap: whether all of its operations are tried, not a sample."""

    name: str
    makes: tuple[Path, ...]
    of: str = ""
    cheap: bool = True


STEPS = (
    Step("render", (SPACE / "data/smoke/raw", SPACE / "data/smoke/raw.json"), cheap=False),
    Step("pack", (SPACE / "data/smoke/packed",)),
    Step("pretrain", (RUN,), of=str(RUN), cheap=False),
    Step("evaluate", (RUN / "rows", RUN / "MODEL_CARD.md"), of=str(RUN), cheap=False),
    Step("collect", (METRICS / "smoke.parquet", METRICS / "smoke.csv")),
    Step("tables", (REPORTS / "tables",), cheap=False),
    Step("report", (REPORTS / "index.html",)),
)


def list_commands(finished: Path) -> dict[str, list[str]]:
    """Return the words of each stage's command, after `python -m`."""
    options = ["--dry-run", "--printshellcmds", "--forceall", "--nolock", "--cores", "1"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", *options, *EXPERIMENT]
    captured = {"cwd": finished, "capture_output": True, "text": True}
    said = subprocess.run([*map(str, command)], env=make_environment(), **captured)
    lines = re.findall(r"(python -m workflow_scripts\..*)$", said.stdout + said.stderr, re.MULTILINE)
    commands = {}
    for step in STEPS:
        found = [line for line in lines if f"workflow_scripts.{step.name} " in line and step.of in line]
        if not found:
            raise RuntimeError(f"the workflow has no command of {step.name}: {(said.stdout + said.stderr)[-1000:]}")
        words = subprocess.run(["bash", "-c", SPLIT + found[0]], check=True, **captured)
        # Paths out of the folder, such as those of papers, hold in copies of it elsewhere, too.
        commands[step.name] = [
            str((finished / word).resolve()) if word.startswith("../") else word
            for word in words.stdout.split("\0")[1:-1]
        ]
    return commands


def prepare(finished: Path, folder: Path, step: Step) -> None:
    """Copy what a finished workflow has, but for what `step` makes; no logs."""
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns(".snakemake", "*.log"), dirs_exist_ok=True)
    for path in step.makes:
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink(missing_ok=True)


def read_made(folder: Path, step: Step) -> dict[str, bytes]:
    """Return all that a step has made, by path, but for the state of a training, and for hidden files, which a kill may
    leave and nobody reads."""
    found = {}
    for root in step.makes:
        files = [folder / root] if (folder / root).is_file() else (folder / root).rglob("*")
        for path in files:
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") or part == "state" for part in name.parts):
                found[str(name)] = path.read_bytes()
    return found


@dataclass(frozen=True)
class Reference:
    """What a step makes undisturbed. operations: how many. fixed: the files that are the same each time. names: all."""

    words: list[str]
    operations: int
    fixed: dict[str, bytes]
    names: set[str]


def make_reference(finished: Path, scratch: Path, step: Step, words: list[str]) -> Reference:
    """Run a step twice, undisturbed; raise `RuntimeError` where it fails."""
    found = []
    for number in range(2):
        folder = scratch / f"{step.name}-unbroken{number}"
        prepare(finished, folder, step)
        seen = call_forked(words, folder, Strike())
        if seen.code:
            raise RuntimeError(f"{step.name} fails without any attack: {seen.output[-1000:]}")
        operations = count_operations(folder)
        import_same(folder)
        found.append(read_made(folder, step))
        shutil.rmtree(folder)
    fixed = {name: content for name, content in found[0].items() if found[1].get(name) == content}
    return Reference(words, operations, fixed, set(found[0]))


def name_kind(step: Step, strike: Strike) -> str:
    """Return the name of what is done to a step in the table."""
    return f"{step.name}: {strike.describe()} at a file operation"


def strike_once(finished: Path, folder: Path, step: Step, strike: Strike, reference: Reference) -> list[Trial]:
    """Strike a step at one operation, run it again, and compare what it has made."""
    return [strike_at(finished, folder, step, strike, reference)]


def strike_at(finished: Path, folder: Path, step: Step, strike: Strike, reference: Reference) -> Trial:
    """Do what `strike_once` does, as one trial."""
    kind, name = name_kind(step, strike), f"operation {strike.number}"
    prepare(finished, folder, step)
    first = call_forked(reference.words, folder, strike)
    said, aimed = describe(first) if strike.code else "killed", count_operations(folder) >= strike.number
    if strike.code and first.code:
        outcome = judge(Case(name, lambda _: first), first)
        if outcome != REFUSED:
            return Trial(kind, False, said, KEPT, outcome, name)
    again = call_forked(reference.words, folder)
    if again.code is None:
        return Trial(kind, False, f"then it hangs: {again.output[-200:]}", KEPT, HANG, name)
    if again.code:
        return Trial(kind, False, f"then: {describe(again)}", KEPT, LOST, name)
    problem = find_difference(read_made(folder, step), reference)
    if problem:
        return Trial(kind, False, problem, KEPT, SILENT, name)
    if strike.code == 0 and aimed and first.code != KILLED:
        return Trial(kind, False, f"not killed, but {first.code}", KEPT, OTHER, name)
    seen = "then the same bytes" if not strike.code else said if first.code else "goes on without it"
    return Trial(kind, True, seen, KEPT, name=name, aimed=aimed)


def find_difference(made: dict[str, bytes], reference: Reference) -> str:
    """Return what differs from an undisturbed step, "" where nothing does."""
    if other := [name for name, content in reference.fixed.items() if made.get(name) != content]:
        return f"other bytes: {', '.join(other[:3])}"
    if set(made) != reference.names:
        return f"files that are not made otherwise, or missing: {', '.join(sorted(set(made) ^ reference.names)[:3])}"
    return ""


def list_strikes(step: Step, operations: int, chance: random.Random, sample: int = SAMPLE) -> list[Strike]:
    """Return what happens to a step: kills at all operations, or at a sample of them, and errors at a few."""
    numbers = range(1, operations + 1)
    kills = numbers if step.cheap else sorted(chance.sample(numbers, min(sample, operations)))
    strikes = [Strike(number) for number in kills]
    for code in ERRORS:
        strikes += [Strike(number, code) for number in sorted(chance.sample(numbers, min(ERROR_SAMPLE, operations)))]
    return strikes


def operation_attacks(finished: Path, scratch: Path, seed: int, names: list[str] | None = None) -> list[Attack]:
    """Return the attacks on the stages `names`, by default all."""
    os.environ["OMP_NUM_THREADS"] = "1"  # forks of a process with threads would wait for these
    commands, attacks = list_commands(finished), []
    for step in STEPS:
        if names and step.name not in names:
            continue
        reference = make_reference(finished, scratch, step, commands[step.name])
        for strike in list_strikes(step, reference.operations, random.Random(f"{seed}/{step.name}")):
            act = partial(strike_once, finished, step=step, strike=strike, reference=reference)
            attacks.append(Attack(name_kind(step, strike), act, name=f"operation {strike.number}"))
    random.Random(seed).shuffle(attacks)  # where time is short some of each stage are tried
    return attacks
