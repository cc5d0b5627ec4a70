"""Checks of what no run of an experiment uses: variants that no run has, and data sets that are not selected.

They are defined for another experiment, or for later; a slip in them is told now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow_scripts.experiment.agreement import check_names
from workflow_scripts.experiment.checking import allow_keys, check_schema, merge
from workflow_scripts.experiment.rooms import list_kinds, read_schema, suggest
from workflow_scripts.experiment.runs import (
    Run,
    check_defined,
    get_settings,
    get_space,
    list_groups,
    list_names,
    list_runs,
    parse_name,
    parse_run,
)
from workflow_scripts.support.errors import UserError

Settings = dict[str, Any]


def check_spare(config: Settings) -> None:
    """Raise `UserError` for settings that no run could take, of what no run uses. config: complete."""
    used = {run.variant for run in list_runs(config)}
    for name in config["methods"]:  # of no data set, where each has its own
        _check_name(config, name)
    for name in config["dataset_settings"].keys() - set(config["datasets"]):
        _check_dataset(config, name)
    for name in config["variants"].keys() - used:
        _check_variant(config, name)


def _check_name(config: Settings, name: str) -> None:
    """Check that there are the method and the variant of a run's name."""
    method, _, variant = parse_name(name)
    for part, known in ((method, list_kinds("methods")), (variant, ["", *config["variants"]])):
        if part not in known:
            raise UserError(f"methods names {name!r}, but there is no {part!r}; {suggest(part, filter(None, known))}")


def _check_dataset(config: Settings, name: str) -> None:
    """Check a data set: its own runs, where it names some, else its views and its methods' settings."""
    entry = config["dataset_settings"][name]
    for run in [parse_run(get_space(config), name, own, config["seeds"][0]) for own in entry.get("methods", [])]:
        check_defined(config, name, run.method, run.group, run.variant)
        _agree(config, run, get_settings(config, run))
    for method in entry.get("method_settings") or _list_methods(config, name)[:1]:
        get_settings(config, _make_run(config, name, method))


def _check_variant(config: Settings, name: str) -> None:
    """Check a variant: some method must be able to take it, on some data set."""
    variant = config["variants"][name]
    settings, place = variant.get("settings", {}), ("variants", name, "settings")
    methods = {method: read_schema("methods", method) for method in list_kinds("methods")}
    known = {key for schema in methods.values() for key in schema["properties"]}
    check_schema(settings, allow_keys(known), "config", place)
    if not any(set(settings) <= set(schema["properties"]) for schema in methods.values()):
        raise UserError(f"config: {'.'.join(place)}: no method has all of {', '.join(settings)}")
    first: UserError | None = None
    for run in _list_tries(config, name):
        if not set(settings) <= set(methods[run.method]["properties"]):
            continue
        try:
            _agree(config, run, get_settings(config, run))
        except UserError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _list_tries(config: Settings, variant: str) -> Iterator[Run]:
    """Yield runs that could have a variant, the likeliest first: on data sets whose views it departs from."""
    changed = config["variants"][variant].get("dataset", {}).get("views", {})
    kind = changed.get("kind")

    def rank(name: str) -> tuple[bool, int]:
        views = config["dataset_settings"][name]["views"]
        return kind not in (None, views["kind"]), len(set(changed) - set(views))

    for dataset in sorted(config["dataset_settings"], key=rank):
        for method in _list_methods(config, dataset):
            yield _make_run(config, dataset, method, variant)


def _list_methods(config: Settings, dataset: str) -> list[str]:
    """Return all methods, those of the data set's runs first."""
    return list(dict.fromkeys([*(parse_name(name)[0] for name in list_names(config, dataset)), *list_kinds("methods")]))


def _make_run(config: Settings, dataset: str, method: str, variant: str = "") -> Run:
    """Return a run, for the first group of its views where its method needs one."""
    changed = config["variants"][variant].get("dataset", {}) if variant else {}
    groups = list_groups(merge(config["dataset_settings"][dataset], changed))
    group = groups[0] if groups and read_schema("methods", method)["x-needs_group"] else ""
    return Run(get_space(config), dataset, method, group, variant, config["seeds"][0])


def _agree(config: Settings, run: Run, settings: Settings) -> None:
    """Check the names in the settings of a run that there is not."""
    source = config["sources"][config["dataset_settings"][run.dataset]["source"]]
    check_names(f"{run.name} on {run.dataset}", settings, list_groups(settings["dataset"]), source)
