"""`make attack`: give the project all that is hostile or wrong that we know, and say what became of it.

Prints a table, and writes results/attack.json, of which the report shows the totals. Exits with 1 on any defect.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from tests.attack.inputs import list_fuzzers, list_rooms
from tests.attack.kills import Unbroken, run_unbroken
from tests.attack.tables import HEADERS, SCRATCH, count, describe_totals, list_lines, store, write_page
from tests.attack.tiny import ROOT, read_results
from tests.attack.trial import Trial
from tests.attack.worker import Part, Progress, unmount, watch
from workflow_scripts.support.files import read_json

VARIABLE = "ATTACK_SCRATCH"  # where the copy of the project is
# In this order, and how much of the time that is left each gets, to the shares of those behind it.
SHARES = {"inputs": 5, "fuzz": 3, "downloads": 1, "operations": 4, "disks": 3, "damage": 5, "kills": 8}
ON_FINISHED = ("operations", "disks", "damage", "kills")  # parts that begin from a finished workflow


def parse_arguments(given: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="make attack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=90, help="for all; what does not fit is said (default: 90)")
    parser.add_argument("--only", nargs="+", choices=SHARES, default=list(SHARES), help="parts; lines of others stay")
    parser.add_argument("--kills", type=int, default=30, help="that hit a process (default: 30)")
    parser.add_argument("--damages", type=int, default=2, help="of each kind, of each stage (default: 2)")
    parser.add_argument("--fuzz", type=int, default=200, help="made-up inputs of each kind (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of what is made up, harmed, and when (default: 0)")
    parser.add_argument("--output", type=Path, default=Path("results/attack.json"), help="the table, to write")
    parser.add_argument("--page", type=Path, help="a page of all that is in the table, to write (.md)")
    return parser.parse_args(given)


def list_parts(name: str, arguments: argparse.Namespace, scratch: Path, unbroken: Unbroken | None) -> Iterator[Part]:
    """Yield where the attacks of a part come from, one after the other."""
    seeded: dict[str, Any] = {"scratch": scratch / "work", "seed": arguments.seed}
    if name == "inputs":
        yield from (Part("tests.attack.inputs", "input_attacks", {"room": room}) for room in list_rooms())
    elif name == "fuzz":
        options = {"seed": arguments.seed, "count": arguments.fuzz}
        yield from (Part("tests.attack.inputs", "fuzz_attacks", {"fuzzer": each, **options}) for each in list_fuzzers())
    elif name == "downloads":
        yield Part("tests.attack.downloads", "download_trials", {"scratch": scratch / "work"})
    elif unbroken and name == "kills":
        yield Part("tests.attack.kills", "kill_trials", {"trials": arguments.kills, "unbroken": unbroken, **seeded})
    elif unbroken and name == "operations":
        yield Part("tests.attack.operations", "operation_attacks", {"finished": unbroken.folder, **seeded})
    elif unbroken and name == "damage":
        options = {"finished": unbroken.folder, "trials": arguments.damages, "seed": arguments.seed}
        yield Part("tests.attack.damage", "damage_attacks", options)
    elif unbroken and name == "disks":
        options = {"finished": unbroken.folder, "scratch": scratch / "work"}
        options["expected"] = read_results(unbroken.folder)
        yield Part("tests.attack.disks", "disk_trials", options)


def run_part(
    name: str, arguments: argparse.Namespace, scratch: Path, unbroken: Unbroken | None, seconds: float
) -> list[Trial]:
    """Run a part within its time, show and store each trial, and return them all."""
    began, trials, missed = time.monotonic(), [], ""
    sources = list(list_parts(name, arguments, scratch, unbroken))
    bar = tqdm(desc=name, unit="attack")
    for number, source in enumerate(sources):
        progress = Progress()
        # Fuzzers share the time; all else is done as far as it goes.
        share = (len(sources) - number) if name == "fuzz" else 1
        deadline = time.monotonic() + (began + seconds - time.monotonic()) / share
        folder = scratch / f"{name}{number}"
        (scratch / "work").mkdir(exist_ok=True)
        for trial in watch(source, folder, deadline, progress):
            trials.append(trial)
            bar.update()
            bar.set_postfix(defects=sum(not each.survived for each in trials))
            if not trial.survived:
                tqdm.write(f"{trial.defect}: {trial.kind}{f' ({trial.name})' if trial.name else ''}: {trial.seen}")
            # After each: it takes an hour, and may be ended itself.
            store(arguments.output, name, trials, missed or "not finished", arguments.seed)
        unmount(scratch)
        if progress.missed:
            label = source.options.get("room") or source.options.get("fuzzer") or ""
            missed = "; ".join(filter(None, [missed, f"{label} {progress.missed}".strip()]))
    bar.close()
    store(arguments.output, name, trials, missed, arguments.seed)
    if missed:
        print(f"{name}: {missed} (no time left; give more --minutes)")
    return trials


def main(given: list[str]) -> int:
    """Run all attacks on a copy of this project: an edit meanwhile would change the bytes that are compared."""
    arguments = parse_arguments(given)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))
    copy = scratch / "project"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignore)
    if (ROOT / ".venv").exists():
        (copy / ".venv").symlink_to(ROOT / ".venv")
    command = [sys.executable, "-m", "tests.attack", *given, "--output", str(arguments.output.absolute())]
    command += ["--page", str(arguments.page.absolute())] if arguments.page else []
    variables = {**os.environ, "PYTHONPATH": str(copy), VARIABLE: str(scratch)}
    try:
        code = subprocess.run(command, cwd=copy, env=variables, check=False).returncode
    except KeyboardInterrupt:
        code = 130
    if code:
        print(f"what the defects left: {scratch}")
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    return code


def ignore(folder: str, names: list[str]) -> list[str]:
    """Return what of a folder no attack needs."""
    made = ("results", "reports") if Path(folder) == ROOT else ()
    return [name for name in names if name in (*made, "__pycache__") or (name.startswith(".") and name != ".ci")]


def attack(arguments: argparse.Namespace, scratch: Path) -> int:
    """Run all attacks, and print what became of them."""
    began, unbroken = time.monotonic(), None
    if set(arguments.only) & set(ON_FINISHED):
        unbroken = run_unbroken(scratch / "finished")
        print(f"an unbroken run takes {unbroken.seconds:.0f} s, {unbroken.startup:.0f} s of them to its first job")
    trials: list[Trial] = []
    names = [name for name in SHARES if name in arguments.only]
    for number, name in enumerate(names):
        left = began + 60 * arguments.minutes - time.monotonic()
        share = SHARES[name] / sum(SHARES[later] for later in names[number:])
        trials += run_part(name, arguments, scratch, unbroken, left * share)
    print(tabulate(list_lines(trials), HEADERS, tablefmt="github", maxcolwidths=[50, None, None, None, 100]))
    totals = count(trials)
    if arguments.page:
        write_page(arguments.page, read_json(arguments.output))
    print(f"\n{describe_totals(totals)}; {(time.monotonic() - began) / 60:.0f} minutes")
    return int(totals["tried"] != totals["expected"])


if __name__ == "__main__":
    # The copy is told by a variable, which what it attacks is not to have.
    place = os.environ.pop(VARIABLE, "")
    sys.exit(attack(parse_arguments(sys.argv[1:]), Path(place)) if place else main(sys.argv[1:]))
