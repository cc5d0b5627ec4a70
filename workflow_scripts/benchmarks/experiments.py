"""Which experiments the benchmark is about: the default one, and the one with its paper's own budget."""

from __future__ import annotations

from functools import cache
from typing import Any

from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.runs import Run, get_space, list_names, parse_run
from workflow_scripts.support.errors import UserError

PAPER = "paper"  # in the folder of the default experiment, the one with the paper's own budget


def default_experiment() -> str:
    """Return the name of the default experiment."""
    name: str = read_yaml(ROOT / "config.yaml")["experiment"]
    return name


def paper_experiment() -> str:
    """Return the name of the experiment with the paper's own budget that belongs to the default experiment."""
    return f"{default_experiment().partition('/')[0]}/{PAPER}"


@cache
def read_config(experiment: str = "") -> dict[str, Any]:
    """Return the config of an experiment, by default the default one."""
    config: dict[str, Any] = load_experiment(experiment or default_experiment())
    return config


def find_dataset(config: dict[str, Any]) -> str:
    """Return the first data set of an experiment whose images are rendered."""
    for name in config["datasets"]:
        if "render" in config["sources"][config["dataset_settings"][name]["source"]]:
            return str(name)
    raise UserError("the default experiment has no data set whose source is rendered; make bench measures on one")


def list_methods(config: dict[str, Any]) -> dict[str, Run]:
    """Return the first runs on that data set by name. The first of them is the reference."""
    space, dataset = get_space(config), find_dataset(config)
    return {name: parse_run(space, dataset, name, 0) for name in list_names(config, dataset)}


def read_compute() -> dict[str, Any]:
    """Return what its paper says of what it took: `device`, `hours`, `stated`, `memory`; or nothing.

    That is the fact `compute` in published.yaml.
    """
    file = (ROOT / "papers" / paper_experiment()).parent / "published.yaml"
    facts = read_yaml(file).get("facts", {}) if file.exists() else {}
    return dict(facts.get("compute", {}))
