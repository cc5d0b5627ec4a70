"""What the settings of an evaluation must agree on: names that they use, and one with another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow_scripts.experiment.checking import merge
from workflow_scripts.experiment.contents import count_objects
from workflow_scripts.experiment.relations import compare_numbers
from workflow_scripts.experiment.rooms import list_kinds, read_schema, suggest
from workflow_scripts.experiment.runs import list_groups
from workflow_scripts.support.errors import UserError

Settings = dict[str, Any]
GROUP = "<group>"  # in the name of a readout: stands for any


def check_evaluation(config: Settings) -> None:
    """Raise `UserError` for the first mistake in the settings of the evaluation. config: complete."""
    evaluators = config["evaluation"]["evaluators"]
    groups = _list_all_groups(config)
    problems = [*_compare_evaluators(evaluators), *_compare_splits(config), *_compare_draws(config)]
    for name, settings in evaluators.items():
        schema, place = read_schema("evaluators", name), f"evaluation.evaluators.{name}"
        for key, rule in schema["properties"].items():
            problems += [f"{place}.{key} {problem}" for problem in _compare_names(settings, key, rule, groups)]
        problems += compare_numbers(settings, schema, place, config)
    for problem in problems:
        raise UserError(f"config: {problem}")


def _compare_evaluators(evaluators: Settings) -> Iterator[str]:
    """Yield that nothing is measured, or that two evaluators measure the same under the same name."""
    if not evaluators:
        known = ", ".join(list_kinds("evaluators"))
        yield f"evaluation.evaluators names none, so that nothing is measured; there is {known}"
    for name in evaluators:
        if (other := read_schema("evaluators", name).get("x-replaces")) in evaluators:
            yield f"evaluation.evaluators has {name} and {other}, whose rows have the same names; choose one"


def _compare_splits(config: Settings) -> Iterator[str]:
    """Yield that a split which is to be evaluated has no objects."""
    for dataset in config["datasets"] if "val" in config["evaluation"]["splits"] else ():
        entry = config["dataset_settings"][dataset]
        share = entry["holdout"]["share"]
        if not count_objects(config["sources"][entry["source"]], share)[1]:
            yield (
                f"evaluation.splits names val, but dataset_settings.{dataset}.holdout.share is {share:g}, so that "
                "there are no objects in it; raise the share, or leave val out"
            )


def _compare_draws(config: Settings) -> Iterator[str]:
    """Yield that contexts are to be drawn again of a length that is not evaluated at all."""
    contexts = config["evaluation"]["contexts"]
    for length in contexts["draw_lengths"] if contexts["draws"] > 1 else ():
        if length not in contexts["lengths"]:
            yield (
                f"evaluation.contexts.draw_lengths has {length}, which evaluation.contexts.lengths has not; give "
                "both, or none"
            )


def _list_all_groups(config: Settings) -> set[str]:
    """Return the groups that a data set has, or has in a variant."""
    groups: set[str] = set()
    for dataset in config["dataset_settings"].values():
        for changed in ({}, *(variant.get("dataset", {}) for variant in config["variants"].values())):
            groups |= set(list_groups(merge(dataset, changed)))
    return groups


def _compare_names(settings: Settings, key: str, rule: Settings, groups: set[str]) -> Iterator[str]:
    """Yield what is wrong with names of groups, of readouts, or of keys of another setting."""
    named: Iterable[str] = settings[key] or ()
    known: Iterable[str] = ()
    if "groups" in (rule.get("x-keys"), rule.get("x-names")):
        known = groups | set(rule["default"] or ())
        yield from (f"names {wrong!r}; {suggest(wrong, known)}" for wrong in sorted(set(named) - set(known)))
    if rule.get("x-names") == "readouts":
        known = _list_readouts(groups)
        yield from (f"names {wrong!r}; {suggest(wrong, known)}" for wrong in sorted(set(named) - set(known)))
    if other := rule.get("x-keys_of"):
        for place, names in settings[key].items():
            wrong = sorted(set(names) - set(settings[other]))
            yield from (f"of {place} names {name!r}; {suggest(name, settings[other])}" for name in wrong)


def _list_readouts(groups: set[str]) -> list[str]:
    """Return the names of all readouts that a method has, on data with these groups."""
    names = dict.fromkeys(name for kind in list_kinds("methods") for name in read_schema("methods", kind)["x-readouts"])
    return [name.replace(GROUP, group) for name in names for group in (sorted(groups) if GROUP in name else [""])]
