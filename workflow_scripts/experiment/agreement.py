"""What the settings of a run must agree on: a method with the views it learns from, one number with another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from workflow_scripts.experiment.rooms import list_kinds, read_schema, suggest
from workflow_scripts.support.errors import UserError

Settings = dict[str, Any]


def check_agreement(run: str, settings: Settings, groups: Sequence[str]) -> None:
    """Raise `UserError` for the first settings of a run that do not go together.

    run: its name in the sentence. settings: complete. groups: of its views. Of a checkpoint that is imported only the
    views are checked, since nothing is trained.
    """
    problems = [_compare_views(settings)]
    if not settings["training"]["checkpoint"]:
        problems += [*_compare_numbers(settings), *_compare_groups(settings, groups)]
    for problem in filter(None, problems):
        raise UserError(f"{run}: {problem}")


def _compare_views(settings: Settings) -> str:
    """Say what is wrong with the views of a run's method, "" where nothing is.

    A method that needs a group either transforms images itself or predicts the group's actions. Where methods are to
    transform the images, actions between views tell nothing.
    """
    name, kind = settings["method"], settings["dataset"]["views"]["kind"]
    method = read_schema("methods", name)
    transforms, acts = method.get("x-transforms", False), method.get("x-uses_actions", False)
    transformable = [view for view in list_kinds("views") if read_schema("views", view).get("x-transformable")]
    if transforms and kind not in transformable:
        kinds = " or ".join(transformable)
        return f"{name} transforms images itself, but views.kind is {kind}; take a data set whose views.kind is {kinds}"
    if kind in transformable and (acts or (method["x-needs_group"] and not transforms)):
        return (
            f"{name} learns from actions between views, but where views.kind is {kind} there are none: methods "
            "transform the images themselves; take a data set whose views.kind is another"
        )
    return ""


def _compare_numbers(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with numbers that are bound to other settings, see `support.settings`."""
    own = settings["settings"]
    for key, schema in read_schema("methods", settings["method"])["properties"].items():
        value = own[key]
        if divides := schema.get("x-divides"):
            section, _, name = divides["of"].partition(".")
            whole, times, reason = settings[section][name], divides["times"], divides["reason"]
            where = f"settings.{key} ({value}) does not divide {divides['of']} ({whole})"
            if whole % value:
                yield f"{where}; choose one that does, so that {reason}"
            elif whole < times * value:
                yield f"{where} {times} times or more; choose a smaller one, so that {reason}"
        for other, needed in schema.get("x-negative_with", {}).items():
            if value < 0 and own[other] != needed:
                yield (
                    f"settings.{key} is {value:g}, but below 0 it goes with {other} {needed} only, not {own[other]}; "
                    f"give it a positive value, or write {other}: {needed}"
                )


def _compare_groups(settings: Settings, groups: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with lists of groups."""
    for key, schema in read_schema("methods", settings["method"])["properties"].items():
        named = settings["settings"][key] or () if schema.get("x-names") == "groups" else ()
        yield from (f"settings.{key} names {name!r}; {suggest(name, groups)}" for name in named if name not in groups)
        yield from (f"settings.{key} names {name} twice; once is enough" for name in named if named.count(name) > 1)
