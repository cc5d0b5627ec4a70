"""The run table: a config becomes a list of runs, and every target of the workflow is a query on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import UserError

RUN_NAME = re.compile(r"(?P<method>[a-z0-9_]+\+?)(@(?P<group>[a-z0-9_]+))?(~(?P<variant>[a-z0-9_.-]+))?")


@dataclass(frozen=True)
class Run:
    """One training: a method, perhaps for one group and in one variant, on a data set with a seed."""

    dataset: str
    method: str
    group: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The run's name within its data set: `<method>[@group][~variant]`."""
        return self.method + (f"@{self.group}" if self.group else "") + (f"~{self.variant}" if self.variant else "")

    @property
    def folder(self) -> str:
        """Where the run lives; its identity."""
        return f"results/{self.dataset}/{self.name}/seed{self.seed}"


def parse_run(dataset: str, name: str, seed: int) -> Run:
    """Return the run of a name such as `equimod@rotation~mask0`."""
    match = RUN_NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} is not a run: write <method>[@group][~variant], e.g. contextssl~nomask")
    return Run(dataset, match["method"], match["group"] or "", match["variant"] or "", seed)


def parse_folder(folder: Path) -> Run:
    """Return the run of a folder `results/<dataset>/<name>/seed<k>`."""
    dataset, name, seed = folder.parts[-3:]
    return parse_run(dataset, name, int(seed.removeprefix("seed")))


def list_names(config: dict[str, Any], dataset: str) -> list[str]:
    """Return the names of the runs on a data set: its own `methods`, or the config's."""
    names: list[str] = config["dataset_settings"][dataset].get("methods") or config["methods"]
    return names


def list_runs(config: dict[str, Any]) -> list[Run]:
    """Return every run that the config's selections ask for, each once; of an imported one there is one seed."""
    runs = [
        parse_run(dataset, name, seed)
        for dataset in config["datasets"]
        for name in list_names(config, dataset)
        for seed in config["seeds"]
    ]
    for run in runs:
        _check_defined(run, config)
    imported = {name for name, variant in config["variants"].items() if is_imported(variant)}
    return [run for run in dict.fromkeys(runs) if run.variant not in imported or run.seed == config["seeds"][0]]


def is_imported(settings: dict[str, Any]) -> bool:
    """Tell from a run's settings, or a variant's, whether its weights are read from a checkpoint, not trained."""
    return "import" in settings.get("training", {})


def _check_defined(run: Run, config: dict[str, Any]) -> None:
    groups = config["dataset_settings"][run.dataset]["groups"]
    defined: tuple[tuple[str, str, Any], ...] = (
        ("method_settings", run.method, config["method_settings"]),
        ("variants", run.variant or "", {"": None, **config["variants"]}),
        (f"dataset_settings.{run.dataset}.groups", run.group or "", ["", *groups]),
    )
    for where, name, known in defined:
        if name not in known:
            raise UserError(
                f"methods names {run.name!r}, but {where} has no {name!r}; it has {sorted(filter(None, known))}"
            )


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `overlay` merged into its nested maps."""
    merged = dict(base)
    for key, value in overlay.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged


def get_settings(config: dict[str, Any], run: Run) -> dict[str, Any]:
    """Return everything that decides the run's weights, and nothing else."""
    dataset = config["dataset_settings"][run.dataset]
    method = config["method_settings"][run.method]
    settings = {
        "method": run.method,
        "group": run.group,
        "variant": run.variant,
        "seed": run.seed,
        "dataset": {key: dataset[key] for key in ("views", "groups", "actions", "holdout", "evaluation_views")},
        "encoder": config["encoders"][dataset.get("encoder", config["encoder"])],
        "training": merge(merge(config["training"], dataset.get("training", {})), method["training"]),
        "method_settings": merge(method["settings"], dataset.get("method_settings", {}).get(run.method, {})),
    }
    return merge(settings, config["variants"][run.variant]) if run.variant else settings


def list_transformers(config: dict[str, Any], dataset: str) -> dict[str, Any]:
    """Return mask probability and block length of every run on a data set that has them, by name."""
    keys = ("mask_probability", "block_tokens")
    runs = [run for run in list_runs(config) if run.dataset == dataset]
    settings = {run.name: get_settings(config, run)["method_settings"] for run in runs}
    return {name: {key: own[key] for key in keys} for name, own in settings.items() if set(keys) <= set(own)}


def get_labels(config: dict[str, Any], run: Run) -> dict[str, Any]:
    """Return the columns that name the run in its rows."""
    return {
        "dataset": run.dataset,
        "benchmark": config["dataset_settings"][run.dataset]["benchmark"],
        "method": run.method,
        "group": run.group,
        "variant": run.variant,
        "seed": run.seed,
    }
