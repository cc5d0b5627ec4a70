"""What of an experiment is missing or stale, and the command that mends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from workflow_scripts.experiment.code import hash_code, list_evaluation_code, list_training_code
from workflow_scripts.experiment.config import list_experiments, load_experiment
from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.experiment.runs import Run, is_imported, list_names
from workflow_scripts.reporting.measured import MeasuredRun
from workflow_scripts.reporting.papers import Paper
from workflow_scripts.reporting.places import Datasets, list_selects
from workflow_scripts.support.errors import UserError

HEADERS = ["data set", "run", "seeds", "what", "command"]
MISSING = "planned, and not among the rows"
OLD_EVALUATION = "evaluated by older code"
OLD_TRAINING = "trained by older code, which a change of code alone does not repeat"
ELSEWHERE = "in a table or claim, but not in this experiment"


def find_gaps(
    experiment: str,
    runs: list[Run],
    frame: pd.DataFrame,
    papers: list[Paper],
    datasets: Datasets,
    evaluators: list[str],
) -> dict[str, Any]:
    """Return a table of what is missing or stale, one line for each run and reason, its seeds together.

    runs: what the config plans. frame: rows of the experiment. evaluators: names of those that the config asks for.
    """
    experiments = read_experiments(experiment.partition("/")[0])
    again = name_command(experiment, experiments, sorted({run.seed for run in runs}))
    found: dict[tuple[str, str, str], list[Run]] = {}
    made = frame.drop_duplicates("run").set_index("run")
    for run in runs:
        for what in find_reasons(run, made, evaluators):
            found.setdefault((run.dataset, run.name, what), []).append(run)
    lines = []
    for key, own in found.items():
        removal = f"rm -r {' '.join(map(quote, (run.folder for run in own)))}; " if key[-1] == OLD_TRAINING else ""
        lines.append([*key[:2], ", ".join(str(run.seed) for run in own), key[2], removal + again])
    named = [(dataset, _name(select)) for paper in papers for dataset, select in list_selects(paper, datasets)]
    for dataset, name in dict.fromkeys((dataset, name) for dataset, name in named if name):
        measured = frame["dataset"].eq(dataset) & frame["run"].str.split("/").str[-2].eq(name)
        if name not in datasets[dataset]["methods"] and not measured.any():
            lines.append([dataset, name, "", ELSEWHERE, find_command(dataset, name, experiments)])
    return {"headers": HEADERS, "lines": lines}


def find_reasons(run: Run, made: pd.DataFrame, evaluators: list[str]) -> Iterator[str]:
    """Yield what is missing or stale of a planned run. made: one row of each run's, by folder."""
    folder = Path(run.folder)
    if run.folder not in made.index:
        yield MISSING
    elif (folder / "run.json").exists():
        settings, _ = read_identity(folder)
        if made.loc[run.folder, "code_hash"] != hash_code(list_evaluation_code(settings, evaluators)):
            yield OLD_EVALUATION
        if is_trained_by_older_code(folder):
            yield OLD_TRAINING


def is_trained_by_older_code(folder: Path) -> bool:
    """Tell whether a run's weights were trained by other code than the present; not if imported, or if it is gone."""
    if not (folder / "run.json").exists():
        return False
    settings, identity = read_identity(folder)
    return not is_imported(settings) and identity["code"] != hash_code(list_training_code(settings))


def _name(select: dict[str, Any]) -> str:
    """Return the name of the run that a query is about, "" for one that names no method."""
    if "method" not in select:
        return ""
    return MeasuredRun(select["method"], select.get("group", ""), select.get("variant", "")).name


def read_experiments(space: str) -> dict[str, dict[str, Any]]:
    """Return the configs of the experiments of a folder of papers/, by name: they share their runs.

    One that is not valid is left out: it is said where it is run.
    """
    found = {}
    for name in list_experiments():
        if name.partition("/")[0] == space:
            with contextlib.suppress(UserError):
                found[name] = load_experiment(name)
    return found


def name_command(experiment: str, experiments: dict[str, dict[str, Any]], seeds: list[int] | None = None) -> str:
    """Return the command that runs an experiment, with these seeds; in words where `make` has no such command."""
    in_words = "the command that this experiment was started with"
    if experiment not in experiments:
        return in_words
    command = f"make reproduce EXPERIMENT={experiment}"
    if seeds is None or seeds == experiments[experiment]["seeds"]:
        return command
    return f"{command} SEEDS={len(seeds)}" if seeds == list(range(len(seeds))) else in_words


def find_command(dataset: str, name: str, experiments: dict[str, dict[str, Any]]) -> str:
    """Return the command of an experiment that has this run on this data set, or what to add for it."""
    for experiment, config in experiments.items():
        if dataset in config["datasets"] and name in list_names(config, dataset):
            return name_command(experiment, experiments)
    return f"add {name} to methods in the config, then make reproduce"
