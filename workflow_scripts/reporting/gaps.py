"""What of an experiment is missing or stale, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.config import ROOT, read_yaml
from workflow_scripts.experiment.identity import (
    hash_code,
    list_evaluation_code,
    list_training_code,
    read_identity,
)
from workflow_scripts.experiment.runs import Run, is_imported, list_names, merge
from workflow_scripts.reporting.layouts import MeasuredRun, Select, is_about, list_views, read_paper

HEADERS = ["data set", "run", "seeds", "what", "command"]
MISSING = "planned, and not among the rows"
OLD_EVALUATION = "evaluated by older code"
OLD_TRAINING = "trained by older code, which a change of code alone does not repeat"
ELSEWHERE = "in a table or claim, but not in this experiment"


def find_gaps(
    experiment: str, runs: list[Run], frame: pd.DataFrame, papers: list[Path], datasets: dict[str, Any]
) -> dict[str, Any]:
    """Return a table of what is missing or stale, one line for each run and reason, its seeds together.

    runs: what the config plans. frame: rows of the experiment. datasets: as of the config, by name, `benchmark` and
    names of runs (`methods`).
    """
    experiments = read_experiments()
    again = name_command(experiment, experiments, sorted({run.seed for run in runs}))
    found: dict[tuple[str, str, str], list[Run]] = {}
    made = frame.drop_duplicates("run").set_index("run")
    for run in runs:
        for what in find_reasons(run, made):
            found.setdefault((run.dataset, run.name, what), []).append(run)
    lines = []
    for key, own in found.items():
        removal = f"rm -r {' '.join(run.folder for run in own)}; " if key[-1] == OLD_TRAINING else ""
        lines.append([*key[:2], ", ".join(str(run.seed) for run in own), key[2], removal + again])
    for dataset, name in dict.fromkeys(list_named(papers, datasets)):
        measured = frame["dataset"].eq(dataset) & frame["run"].str.split("/").str[-2].eq(name)
        if name not in datasets[dataset]["methods"] and not measured.any():
            lines.append([dataset, name, "", ELSEWHERE, find_command(dataset, name, experiments)])
    return {"headers": HEADERS, "rows": lines}


def find_reasons(run: Run, made: pd.DataFrame) -> Iterator[str]:
    """Yield what is missing or stale of a planned run. made: one row of each run's, by folder."""
    if run.folder not in made.index:
        yield MISSING
        return
    if made.loc[run.folder, "code_hash"] != hash_code(list_evaluation_code(run.method)):
        yield OLD_EVALUATION
    if is_trained_by_older_code(Path(run.folder), run.method):
        yield OLD_TRAINING


def is_trained_by_older_code(folder: Path, method: str) -> bool:
    """Tell whether a run's weights were trained by other code than the present; not if imported, or if it is gone."""
    if not (folder / "run.json").exists():
        return False
    settings, identity = read_identity(folder)
    return not is_imported(settings) and identity["code"] != hash_code(list_training_code(method))


def list_named(papers: list[Path], datasets: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield data set and name of every run that a shown table or a judged claim of a paper names."""
    for path in papers:
        paper = read_paper(path)
        shown = [(scope, paper["tables"][name]["rows"]) for scope, name in list_views(path, datasets)]
        selects = [(scope, row["select"]) for scope, rows in shown if scope in datasets for row in rows]
        for dataset, entry in datasets.items():
            specs = [c for claim in paper["claims"] for c in _list_own(claim, entry["benchmark"])]
            selects += [(dataset, spec[term]) for spec in specs for term in ("of", "than") if term in spec]
        yield from ((dataset, _name(select)) for dataset, select in selects if select.get("method"))


def _list_own(claim: dict[str, Any], benchmark: str) -> Iterable[dict[str, Any]]:
    """Return the comparisons of a claim that are about a benchmark."""
    return [spec for spec in claim.get("comparisons", []) if is_about(claim, benchmark) and is_about(spec, benchmark)]


def _name(select: Select) -> str:
    return MeasuredRun(select["method"], select.get("group", ""), select.get("variant", "")).name


def read_experiments() -> dict[str, dict[str, Any]]:
    """Return the config of every experiment that comes with the workflow, by the name `make` knows it by."""
    base = read_yaml(ROOT / "config.yaml")
    overlays = {path.stem: read_yaml(path) for path in sorted((ROOT / "experiments").glob("*.yaml"))}
    return {base["experiment"]: base, **{name: merge(base, overlay) for name, overlay in overlays.items()}}


def name_command(experiment: str, experiments: dict[str, dict[str, Any]], seeds: list[int] | None = None) -> str:
    """Return the command that runs an experiment, with these seeds; in words where `make` has no such command."""
    in_words = "the command that this experiment was started with"
    if experiment not in experiments:
        return in_words
    name = "" if experiment == next(iter(experiments)) else f" EXPERIMENT={experiment}"
    if seeds is None or seeds == experiments[experiment]["seeds"]:
        return f"make reproduce{name}"
    return f"make reproduce{name} SEEDS={len(seeds)}" if seeds == list(range(len(seeds))) else in_words


def find_command(dataset: str, name: str, experiments: dict[str, dict[str, Any]]) -> str:
    """Return the command of an experiment that has this run on this data set, or what to add for it."""
    for experiment, config in experiments.items():
        if dataset in config["datasets"] and name in list_names(config, dataset):
            return name_command(experiment, experiments)
    return f"add {name} to methods in the config, then make reproduce"
