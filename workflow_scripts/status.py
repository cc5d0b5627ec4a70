"""`make status`: one line for each training that is under way, on this machine or on a cluster's.

Reads what trainings write as they go, `<run>/state/history.jsonl`, so it can look at any time and disturbs nothing.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import command

SILENT_SECONDS = 300.0  # after which a training no longer counts as running
HEADERS = ["run", "state", "step", "loss", "images/s", "time left"]


def describe_runs(results: Path, now: float) -> tuple[list[list[str]], dict[str, int]]:
    """Return one line for each training under way, and how many runs are in each state.

    States: evaluated (it has rows), trained (weights), running (its history grew in the last `SILENT_SECONDS`),
    stopped (it has a history that no longer grows) and started (no history yet). now: seconds since the epoch.
    """
    lines, counts = [], dict.fromkeys(("evaluated", "trained", "running", "stopped", "started"), 0)
    for file in sorted(results.glob("*/*/*/seed*/run.json")):
        run = file.parent
        history = run / "state" / "history.jsonl"
        if (run / "rows" / "evaluation.parquet").exists():
            state = "evaluated"
        elif (run / "weights.safetensors").exists():
            state = "trained"
        elif not history.exists() or not history.stat().st_size:
            state = "started"
        else:
            state = "running" if now - history.stat().st_mtime < SILENT_SECONDS else "stopped"
            lines.append([run.relative_to(results).as_posix(), state, *_describe_progress(run, state)])
        counts[state] += 1
    return lines, counts


def _describe_progress(run: Path, state: str) -> list[str]:
    from workflow_scripts.experiment.histories import locate_history, read_history
    from workflow_scripts.experiment.identity import read_identity

    entries: list[dict[str, Any]] = read_history(locate_history(run))
    if not entries:  # its first line is being written
        return ["", "", "", ""]
    settings, _ = read_identity(run)
    last, steps = entries[-1], settings["training"]["steps"]
    # At the pace of the last line: its seconds are those since the line before it.
    before = entries[-2]["step"] if len(entries) > 1 else 0
    left = (steps - last["step"]) * last["seconds"] / (last["step"] - before)
    remaining = str(timedelta(seconds=round(left))) if state == "running" else ""
    return [f"{last['step']:,} of {steps:,}", f"{last['loss']:.4g}", f"{last['images_per_second']:,.0f}", remaining]


@command
def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")
    arguments = parser.parse_args()
    from tabulate import tabulate

    lines, counts = describe_runs(arguments.results, time.time())
    if lines:
        print(tabulate(lines, HEADERS, disable_numparse=True))
    print("Runs: " + ", ".join(f"{count} {state}" for state, count in counts.items()))


if __name__ == "__main__":
    main()
