"""The config of a command that Snakemake does not start: the same options as Snakemake's, with the same meaning."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.checking import merge
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.given import list_options, split_pair
from workflow_scripts.experiment.plain import parse_yaml, read_yaml
from workflow_scripts.experiment.rooms import ROOT


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--configfile` and `--config`; what is given several times counts together."""
    options: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--configfile", "--configfiles", type=Path, metavar="FILE", help="config files", **options)
    parser.add_argument("--config", metavar="KEY=VALUE", help="departures from the config", **options)


def load_config(files: list[Path], pairs: list[str]) -> dict[str, Any]:
    """Return the complete config of the experiment that is selected.

    The weakest first: config.yaml, `files`, `make`'s variables EXPERIMENT and SEEDS, `pairs` of key=value in YAML.
    Raises `UserError` for what is no pair, and for every mistake in the config.
    """
    given: dict[str, Any] = {}
    for file in [ROOT / "config.yaml", *files]:
        given = merge(given, read_yaml(file))
    options = list_options(os.environ)
    asked = options[options.index("--config") + 1 :] if "--config" in options else []
    for pair in [*asked, *pairs]:
        key, value = split_pair(pair)
        given = merge(given, {key: parse_yaml(value, f"--config {key}")})
    return load_experiment(str(given["experiment"]), given)
