"""What a user gives to `make`, checked before anything starts: an experiment, seeds, a profile, files of YAML."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts.experiment.config import find_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT, suggest
from workflow_scripts.support.errors import UserError

MOST = 1000  # seeds: more are a mistake, and would take minutes to plan


def list_options(given: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Return what `make`'s variables EXPERIMENT, SEEDS and PROFILE say, as Snakemake's options.

    given: the environment, in which a variable that was not given is "" or missing. Raises `UserError`, one sentence
    that names the variable, for what cannot be meant.
    """
    options = ["--profile", str(locate_profile(given.get("PROFILE") or "default", root).relative_to(root))]
    values = []
    if experiment := given.get("EXPERIMENT"):
        values.append(f"experiment={find_experiment(experiment, root)}")
    if seeds := given.get("SEEDS"):
        values.append(f"seeds=[{','.join(map(str, range(count_seeds(seeds))))}]")
    return [*options, "--config", *values] if values else options


def locate_profile(name: str, root: Path = ROOT) -> Path:
    """Return the folder of a profile; there is none of this name: `UserError`."""
    known = sorted(path.parent.name for path in (root / "profiles").glob("*/profile.yaml"))
    if name not in known:
        raise UserError(f"PROFILE={name}: profiles/ has no such folder with a profile.yaml; {suggest(name, known)}")
    return root / "profiles" / name


def count_seeds(text: str) -> int:
    """Return a number of seeds, which are 0, 1, ...; what is no such number is a `UserError`."""
    if not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MOST):
        raise UserError(
            f"SEEDS={text} is no number of seeds from 1 to {MOST}; write SEEDS=3 for the seeds 0, 1 and 2, or leave it "
            "out for those of the experiment"
        )
    return int(text)


def check_options(arguments: list[str], root: Path = ROOT) -> None:
    """Raise `UserError` for what Snakemake reads itself and would not say in a sentence.

    These are config.yaml and each `--configfiles`, which must be plain YAML, and `--config`. arguments: Snakemake's,
    each of these options at most once.
    """
    for pair in _list_values(arguments, "--config"):
        split_pair(pair)
    for file in [root / "config.yaml", *map(Path, _list_values(arguments, "--configfiles"))]:
        if not isinstance(read_yaml(file), dict):
            raise UserError(f"{file} holds no map; write keys such as `experiment:` in it")


def split_pair(pair: str) -> tuple[str, str]:
    """Return key and value of what `--config` was given. Raises `UserError` for what is no pair."""
    key, mark, value = pair.partition("=")
    if not mark or not key:
        raise UserError(f"--config {pair} is no key=value; write, for example, --config 'seeds=[0, 1]'")
    return key, value


def _list_values(arguments: list[str], option: str) -> list[str]:
    """Return the values of an option that takes several, which end with the next option."""
    after = arguments[arguments.index(option) + 1 :] if option in arguments else []
    return list(itertools.takewhile(lambda word: not word.startswith("-"), after))
