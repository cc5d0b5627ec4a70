"""`make faults`: harm the smallest DAG in every way we know, and say what became of it.

Writes results/faults.json, of which the report shows a table. Exits with 1 if anything was lost, or silently wrong.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tabulate import tabulate
from tqdm import tqdm

from tests.attack.damage import damage_trials
from tests.attack.disks import disk_trials
from tests.attack.downloads import download_trials
from tests.attack.kills import kill_trials
from tests.attack.tiny import Trial, read_results, run
from workflow_scripts.support.files import read_json, write_json

PARTS = ("downloads", "disks", "damage", "kills")
HEADERS = ["fault", "trials", "survived", "what the user saw"]


def summarise(trials: Iterable[Trial]) -> list[list[str]]:
    """Return one line a kind: how often, how often survived, and what was seen, first the failures."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(trial.kind, []).append(trial)
    lines = []
    for kind, found in kinds.items():
        seen = dict.fromkeys(trial.seen for trial in sorted(found, key=lambda trial: trial.survived) if trial.seen)
        said = "; or ".join(list(seen)[:3])
        lines.append([kind, str(len(found)), str(sum(trial.survived for trial in found)), said])
    return lines


def merge(before: list[list[str]], now: list[list[str]]) -> list[list[str]]:
    """Return the lines of an earlier run and of this one; a kind that was tried again has its new line."""
    return list({line[0]: line for line in [*before, *now]}.values())


def main() -> int:
    """Run all faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts; lines of others are kept")
    parser.add_argument("--kills", type=int, default=30, help="kills of a random process at a random moment")
    parser.add_argument("--damages", type=int, default=2, help="of each kind, of each stage")
    parser.add_argument("--seed", type=int, default=0, help="of what is harmed, when and where")
    parser.add_argument("--output", type=Path, default=Path("results/faults.json"), help="the table, to write")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="faults-"))
    finished = scratch / "finished"
    finished.mkdir()
    began = time.monotonic()
    code, output = run(finished)
    seconds = time.monotonic() - began
    if code:
        sys.exit(f"error: the workflow fails without any fault:\n{output[-2000:]}")
    expected = read_results(finished)
    trials: list[Trial] = []
    lines: list[list[str]] = []
    bar = tqdm(desc="faults", unit="trial")
    parts = {
        "downloads": download_trials(scratch),
        "disks": disk_trials(finished, scratch, expected),
        "damage": damage_trials(finished, scratch, arguments.damages, arguments.seed),
        "kills": kill_trials(scratch, arguments.kills, arguments.seed, seconds, expected),
    }
    before = read_json(arguments.output)["rows"] if arguments.output.exists() else []
    for name in arguments.only:
        for trial in parts[name]:
            trials.append(trial)
            bar.update()
            bar.set_postfix(lost=sum(not trial.survived for trial in trials))
            if not trial.survived:
                tqdm.write(f"lost: {trial.kind}: {trial.seen}")
            lines = [[cell.replace(str(scratch), "") for cell in line] for line in summarise(trials)]
            lines = merge(before, lines)
            # After every trial: it takes an hour, and may be ended itself.
            write_json(arguments.output, {"headers": HEADERS, "rows": lines, "seed": arguments.seed})
    bar.close()
    print(tabulate(lines, HEADERS, tablefmt="github", maxcolwidths=[40, None, None, 110]))
    lost = sum(not trial.survived for trial in trials)
    print(f"\n{len(trials)} faults, {lost} lost; an unbroken run takes {seconds:.0f} s")
    if not lost:
        shutil.rmtree(scratch)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
