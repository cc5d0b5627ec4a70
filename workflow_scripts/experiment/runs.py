"""The run table: a config becomes a list of runs, and every target of the workflow is a query on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.agreement import check_agreement
from workflow_scripts.experiment.checking import Schema, check_schema, fill, merge
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import DOWNLOADS, list_kinds, read_schema, suggest
from workflow_scripts.support.errors import UserError

RUN_NAME = re.compile(r"(?P<method>[a-z0-9_]+\+?)(@(?P<group>[a-z0-9_]+))?(~(?P<variant>[a-z0-9_.-]+))?")
Settings = dict[str, Any]
Layer = tuple[str, Settings]  # where it stands in a config, and what it changes


@dataclass(frozen=True)
class Run:
    """One training: a method, perhaps for one group and in one variant, on a data set with a seed.

    space: the folder of papers/ of the experiment; experiments of one folder share their runs.
    """

    space: str
    dataset: str
    method: str
    group: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The run's name within its data set: `<method>[@group][~variant]`."""
        return make_name(self.method, self.group, self.variant)

    @property
    def folder(self) -> str:
        """Where the run lives; its identity."""
        return f"results/{self.space}/{self.dataset}/{self.name}/seed{self.seed}"


def make_name(method: str, group: str, variant: str) -> str:
    """Return a run's name within its data set, `<method>[@group][~variant]`; the inverse of `parse_name`."""
    return method + (f"@{group}" if group else "") + (f"~{variant}" if variant else "")


def parse_name(name: str) -> tuple[str, str, str]:
    """Return method, group and variant of a run's name such as `method@group~variant`; "" for what is not there."""
    match = RUN_NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} is not a run: write <method>[@group][~variant]")
    return match["method"], match["group"] or "", match["variant"] or ""


def parse_run(space: str, dataset: str, name: str, seed: int) -> Run:
    """Return the run of a name such as `method@group~variant`."""
    return Run(space, dataset, *parse_name(name), seed)


def parse_folder(folder: Path) -> Run:
    """Return the run of a folder `results/<space>/<dataset>/<name>/seed<k>`."""
    space, dataset, name, seed = folder.parts[-4:]
    return parse_run(space, dataset, name, int(seed.removeprefix("seed")))


def get_space(config: Settings) -> str:
    """Return the folder of papers/ that an experiment stands in; its results and reports have one of this name."""
    return str(config["experiment"]).partition("/")[0]


def list_names(config: Settings, dataset: str) -> list[str]:
    """Return the names of the runs on a data set: its own `methods`, or the config's."""
    names: list[str] = config["dataset_settings"][dataset].get("methods") or config["methods"]
    return names


def list_groups(dataset: Settings) -> list[str]:
    """Return the names of the groups of a data set, in order. dataset: its complete settings, with `views`."""
    views = dataset["views"]
    owners = (entry.get("group") for entry in views.get("augmentations", ()))
    return list(views["groups"]) if "groups" in views else list(dict.fromkeys(filter(None, owners)))


def list_runs(config: Settings) -> list[Run]:
    """Return every run that the config's selections ask for, each once; of an imported one there is one seed."""
    space, runs = get_space(config), []
    imported = {name for name, variant in config["variants"].items() if is_imported(variant)}
    for dataset in config["datasets"]:
        for name in dict.fromkeys(list_names(config, dataset)):
            method, group, variant = parse_name(name)
            check_defined(config, dataset, method, group, variant)
            seeds = config["seeds"][:1] if variant in imported else config["seeds"]
            runs += [Run(space, dataset, method, group, variant, seed) for seed in seeds]
    return runs


def is_imported(settings: Settings) -> bool:
    """Tell from a run's settings, or a variant's, whether its weights are read from a checkpoint, not trained."""
    return bool(settings.get("training", {}).get("checkpoint"))


def check_defined(config: Settings, dataset: str, method: str, group: str, variant: str) -> None:
    """Raise `UserError` for a run on a data set whose method, variant or group there is not, or does not go with it."""
    changed = config["variants"].get(variant, {}).get("dataset", {})  # a variant's views may have other groups
    name, groups = make_name(method, group, variant), list_groups(merge(config["dataset_settings"][dataset], changed))
    defined: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("no method", method, list_kinds("methods")),
        ("no variant", variant, ["", *config["variants"]]),
        (f"on {dataset} no group", group, ["", *groups]),
    )
    for what, part, known in defined:
        if part not in known:
            meant = suggest(part, filter(None, known))
            raise UserError(f"methods names {name!r}, but there is {what} {part!r}; {meant}")
    if read_schema("methods", method)["x-needs_group"] != bool(group):
        problem = "needs a group" if not group else "takes no group"
        example = f"{method}@{groups[0] if groups else '<group>'}" if not group else method
        raise UserError(f"methods names {name!r}, but {method} {problem}; write {example}")


def list_layers(config: Settings, run: Run) -> list[Layer]:
    """Return what decides a run's encoder, training and settings, the weakest first: the one order of precedence.

    Below all of them are the defaults of the dataclasses. Each layer is a map of encoder, training, settings and
    dataset, any of which may be absent.
    """
    dataset = config["dataset_settings"][run.dataset]
    layers = [
        ("", config, ("encoder", "training")),
        (f"method_settings.{run.method}", config["method_settings"].get(run.method, {}), None),
        (f"dataset_settings.{run.dataset}", dataset, ("encoder", "training")),
        (
            f"dataset_settings.{run.dataset}.method_settings.{run.method}",
            dataset.get("method_settings", {}).get(run.method, {}),
            None,
        ),
        (f"variants.{run.variant}", config["variants"][run.variant] if run.variant else {}, None),
    ]
    return [(place, {k: layer[k] for k in keys if k in layer} if keys else layer) for place, layer, keys in layers]


def get_settings(config: Settings, run: Run) -> Settings:
    """Return everything that decides the run's weights, and nothing else, with all defaults filled in.

    Raises `UserError` where a layer holds what the method, or the kind of encoder, views and so on, cannot take.
    """
    layers = list_layers(config, run)
    try:
        settings = _apply(config, run, layers)
    except UserError:
        for stop in range(1, len(layers) + 1):
            _apply(config, run, layers[:stop], layers[stop - 1][0])
        raise
    return {**json.loads(settings), "seed": run.seed}


def _apply(config: Settings, run: Run, layers: list[Layer], place: str = "") -> str:
    """Return a run's complete settings under some of its layers, as JSON. place: of the last, for the error."""
    dataset = config["dataset_settings"][run.dataset]
    start: Settings = {
        "training": {},
        "settings": {},
        "dataset": {"views": dataset["views"], "holdout": dataset.get("holdout", {})},
    }
    merged = reduce(merge, (layer for _, layer in layers), start)
    named = {"method": run.method, "group": run.group, "variant": run.variant}
    merged |= {**named, "encoder": config["encoders"][merged["encoder"]]}
    return _complete(json.dumps(merged), place)


@cache
def _complete(text: str, place: str) -> str:
    """Check a run's settings and return them with their defaults, both as JSON: many runs differ in their seed only."""
    settings = json.loads(text)
    schema = make_run_schema(settings["method"])
    check_schema(settings, schema, "config", tuple(filter(None, place.split("."))))
    completed: Settings = fill(settings, schema)
    return json.dumps(completed)


def make_run_schema(method: str) -> Schema:
    """Return the schema of the settings of a run of a method."""
    holdout = {"share": {"type": "number", "default": 0.0}, "seed": {"type": "integer", "default": 0}}
    dataset = {"views": {"x-kinds": "views"}, "holdout": {"properties": holdout, "additionalProperties": False}}
    own = {
        "dataset": {"properties": dataset, "additionalProperties": False},
        "encoder": {"x-kinds": "encoders"},
        "training": {"x-schema": "training/training"},
        "settings": {"x-schema": f"methods/{method}"},
    }
    return {"properties": {"method": {}, "group": {}, "variant": {}, **own}, "additionalProperties": False}


def check_runs(config: Settings) -> None:
    """Raise `UserError` for a run that is not defined, and for settings that it could not take."""
    runs = [run for run in list_runs(config) if run.seed == config["seeds"][0]]
    for run in runs:
        settings = get_settings(config, run)
        if run.group and run.group not in (groups := list_groups(settings["dataset"])):
            raise UserError(f"{run.name} on {run.dataset} is for the group {run.group!r}; {suggest(run.group, groups)}")
        if start := settings["training"]["warm_start"]:
            _check_start(config, run, start)
        source = config["sources"][config["dataset_settings"][run.dataset]["source"]]
        check_agreement(f"{run.name} on {run.dataset}", settings, list_groups(settings["dataset"]), source)


def _check_start(config: Settings, run: Run, start: str) -> None:
    """Check the name of the run that another starts from: one that could be trained, and starts from no other."""
    check_defined(config, run.dataset, *parse_name(start))
    if get_settings(config, parse_run(run.space, run.dataset, start, run.seed))["training"]["warm_start"]:
        raise UserError(f"{run.name} on {run.dataset} starts from {start}, which itself starts from another run")


def get_labels(run: Run) -> Settings:
    """Return the columns that name the run in its rows."""
    named = {"dataset": run.dataset, "method": run.method, "group": run.group}
    return {**named, "variant": run.variant, "seed": run.seed}


def list_sources(config: Settings) -> list[str]:
    """Return the sources of the selected data sets, and those that evaluators look at beside them, each once."""
    own = (config["dataset_settings"][name]["source"] for name in config["datasets"])
    return list(dict.fromkeys([*own, *list_other_sources(config)]))


def list_other_sources(config: Settings) -> list[str]:
    """Return the sources that evaluators look at beside a run's own, each once; without optional ones not given."""
    named = dict.fromkeys(name for _, name in name_other_sources(config["evaluation"].get("evaluators", {})))
    return [name for name in named if is_given(config["sources"][name])]


def is_given(source: Settings) -> bool:
    """Tell whether there is a source: one that is optional, and not downloaded, has to be given by its path."""
    if not source.get("optional") or source.get("path"):
        return True
    return "access" not in read_yaml(DOWNLOADS / f"{source['download']}.yaml")


def name_other_sources(evaluators: Settings) -> Iterator[tuple[str, str]]:
    """Yield the place in the evaluators' settings, and the name, of every other source that they look at."""
    for evaluator, settings in evaluators.items():
        if settings.get("source"):
            yield f"{evaluator}.source", settings["source"]
        yield from ((f"{evaluator}.sources", name) for name in settings.get("sources", ()))
