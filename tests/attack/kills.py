"""Kills: -9 of a random process of the workflow at a random moment, then the same command again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.attack.tiny import Trial, list_workers, read_results, run, start
from workflow_scripts.support.lifeline import GRACE_SECONDS


def kill_at_random(folder: Path, seed: int, seconds: float, expected: dict[str, bytes]) -> Trial:
    """Kill one process in `folder` at a moment within the first `seconds`, run again, and compare."""
    chance = random.Random(seed)
    folder.mkdir()
    process = start(folder)
    time.sleep(chance.uniform(0.5, seconds))
    workers = list_workers(process.pid)
    if not workers:
        process.communicate()
        return Trial("kill -9 of nothing: it had ended", read_results(folder) == expected, "")
    kind = chance.choice(sorted(workers))
    victim = chance.choice(workers[kind])
    others = [other for found in workers.values() for other in found if other != victim]
    victim.kill()
    process.communicate()
    if kind == "snakemake":
        # What a killed Snakemake leaves must end by itself.
        _, alive = psutil.wait_procs(others, timeout=GRACE_SECONDS + 3)
        if alive:
            return Trial(f"kill -9 of {kind}", False, f"{len(alive)} orphans")
    code, output = run(folder)
    same = read_results(folder) == expected
    seen = "the same command again ended well" if code == 0 else output[-300:]
    return Trial(f"kill -9 of {kind}", code == 0 and same, seen if same or code else "other results")


def kill_trials(scratch: Path, trials: int, seed: int, seconds: float, expected: dict[str, bytes]) -> Iterator[Trial]:
    """Yield `trials` kills, each in a folder of its own."""
    for number in range(trials):
        yield kill_at_random(scratch / f"kill{number}", seed + number, seconds, expected)
