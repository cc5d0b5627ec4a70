"""How the loss of every training went: small panels for each method and group, with means over seeds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.experiment.runs import Run, make_name, parse_folder
from workflow_scripts.reporting.figures.progress import Points

LABEL = "Loss, as a share of its first"
COLUMNS = 4  # of panels
POINTS = 60  # of a line, about: more are not seen
MOST = 6  # lines in a panel; one with more is split
PLAIN = "no variant"

History = tuple[list[int], list[float]]  # steps, and losses


def collect_histories(runs: Iterable[Path]) -> dict[str, list[Points]]:
    """Return lines by the name of their panel. A line is a data set's and variant's. runs: folders.

    Runs without a history are left out. A panel with more than `MOST` lines is split by the first word of variants.
    """
    lines: dict[Run, list[History]] = {}
    for folder in runs:
        if entries := read_history(locate_history(folder)):
            run = parse_folder(folder)
            key = Run("", run.dataset, run.method, run.group, run.variant, 0)
            lines.setdefault(key, []).append(([e["step"] for e in entries], [e["loss"] for e in entries]))
    several = len({run.dataset for run in lines}) > 1
    panels: dict[str, list[Points]] = {}
    for run, histories in lines.items():
        panels.setdefault(_name_panel(run, lines), []).append(average(_label(run, several), histories))
    return panels


def _name_panel(run: Run, runs: Iterable[Run]) -> str:
    """Return the panel of a run: of its method and group, and of the first word of its variant if that is shared."""
    own = [other for other in runs if (other.method, other.group) == (run.method, run.group)]
    word = run.variant.partition("_")[0]
    family = [other for other in own if other.variant.partition("_")[0] == word]
    is_split = len(own) > MOST and 1 < len(family) < len(own)
    return make_name(run.method, run.group, word if is_split else "")


def _label(run: Run, several: bool) -> str:
    """Return the name of a run's line; with its data set where there are several."""
    return " ".join([run.dataset] * several + ([f"~{run.variant}"] if run.variant else [] if several else [PLAIN]))


def average(label: str, histories: list[History]) -> Points:
    """Return the mean and the standard deviation over seeds of relative losses, at the steps that all have passed.

    A training that went on after a stop logs at steps of its own: between two of them a loss is interpolated. Losses
    are relative to that of the first step that all seeds have passed, for methods have losses of different sizes.
    """
    first, last = max(steps[0] for steps, _ in histories), min(steps[-1] for steps, _ in histories)
    grid = [step for step in histories[0][0] if first <= step <= last] or [last]
    grid = sorted({*grid[:: -(-len(grid) // POINTS)], grid[-1]})
    losses = np.array([np.interp(grid, *history) / np.interp(grid[0], *history) for history in histories])
    spread = losses.std(axis=0, ddof=1) if len(losses) > 1 else np.zeros(len(grid))
    return Points(label, grid, losses.mean(axis=0).tolist(), spread.tolist())
