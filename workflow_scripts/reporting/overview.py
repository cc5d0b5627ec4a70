"""The top of the page: at which scale, how many claims hold, and what would tell more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.reporting.gaps import ELSEWHERE, name_command, read_experiments
from workflow_scripts.reporting.times import name_devices, say_duration, sum_seconds
from workflow_scripts.reporting.verdicts import AT_CEILING, NOT_RUN, UNDECIDED, VERDICTS

SEEDS = 3  # of which a spread can be known
MORE = 2  # seeds that are added where there are as many already


def describe_scale(frame: pd.DataFrame, sources: list[Path], runs: list[Path]) -> dict[str, Any]:
    """Return how much was run, on what. sources: folders of data. runs: folders of the planned runs."""
    device = name_devices(frame)
    seconds = sum_seconds(sources, runs, device)
    return {
        "methods": frame["method"].nunique(),
        "runs": frame["run"].nunique(),
        "seeds": sorted(map(int, frame["seed"].unique())),
        "device": device,
        "time": say_duration(seconds) if seconds else "",
    }


def describe_totals(chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one line for each paper and data set that was judged: how many verdicts there are of each kind."""
    return [
        {
            "paper": chapter["paper"],
            "part": part,
            "shares": [(word, count) for word in VERDICTS if (count := _count(part["scorecard"], word))],
            "provisional": sum(verdict["provisional"] for verdict in part["scorecard"]["verdicts"]),
        }
        for chapter in chapters
        for part in chapter["parts"]
        if part["scorecard"]
    ]


def _count(scorecard: dict[str, Any], word: str) -> int:
    return sum(verdict["verdict"] == word for verdict in scorecard["verdicts"])


def list_next_steps(
    experiment: str, chapters: list[dict[str, Any]], gaps: dict[str, Any], seeds: Iterable[int]
) -> list[dict[str, str]]:
    """Return what would decide more claims, one entry a reason: a sentence, a command or "", where to `see` more or "".

    gaps: of `find_gaps`. seeds: of the experiment's rows.
    """
    verdicts = [verdict for line in describe_totals(chapters) for verdict in line["part"]["scorecard"]["verdicts"]]
    found = [verdict["verdict"] for verdict in verdicts]
    count = len(list(seeds))
    experiments = read_experiments(experiment.partition("/")[0])
    elsewhere = sum(line[3] == ELSEWHERE for line in gaps["lines"])
    mended = len(gaps["lines"]) - elsewhere
    provisional, undecided = sum(verdict["provisional"] for verdict in verdicts), found.count(UNDECIDED)
    unjudged, full = found.count(NOT_RUN), found.count(AT_CEILING)
    steps = []
    if provisional:
        command = name_command(experiment, experiments, list(range(max(SEEDS, count))))
        words = _say(provisional, "verdict rests", "verdicts rest")
        steps.append(_step(f"{words} on one seed; more give a spread", command))
    elif undecided:
        command = name_command(experiment, experiments, list(range(count + MORE)))
        steps.append(_step(f"{_say(undecided, 'claim is', 'claims are')} too close to tell; more seeds may", command))
    if elsewhere:
        waiting = f", for which {_say(unjudged, 'claim waits', 'claims wait')}" if unjudged else ""
        words = _say(elsewhere, "run belongs", "runs belong")
        steps.append(_step(f"{words} to other experiments{waiting}", see="gaps"))
    if mended:
        steps.append(_step(f"{_say(mended, 'run is', 'runs are')} missing or older than the code", see="gaps"))
    if full:
        words = _say(full, "claim is", "claims are")
        steps.append(_step(f"{words} at the ceiling: more seeds do not help, harder data may"))
    return steps


def _step(text: str, command: str = "", see: str = "") -> dict[str, str]:
    return {"text": text, "command": command, "see": see}


def _say(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
