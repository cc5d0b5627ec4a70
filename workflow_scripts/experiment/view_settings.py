"""What the settings of views must agree on by themselves: augmentations, groups, and the side of the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow_scripts.experiment.relations import find_reach
from workflow_scripts.experiment.rooms import read_schema, suggest

Settings = dict[str, Any]


def check_views(views: Settings, side: int) -> Iterator[str]:
    """Yield what is wrong with the settings of views. views: complete. side: of the images [pixels], 0 = no images."""
    augmentations = views.get("augmentations", [])
    for number, entry in enumerate(augmentations):
        if "kind" not in entry:
            yield f"views.augmentations.{number} has no kind; write {{kind: <augmentation>, ...}}"
            return
        yield from _check_side(f"views.augmentations.{number}", entry, side)
    if read_schema("views", views["kind"]).get("x-transformable"):
        yield from _check_transformations(views, side)
        return
    if wrong := sorted(set(views.get("distinct", ())) - set(discrete := _list_discrete(augmentations))):
        yield f"views.distinct names {wrong[0]!r}, which is no group of separate values; {suggest(wrong[0], discrete)}"


def _check_transformations(views: Settings, side: int) -> Iterator[str]:
    """Yield what is wrong with named transformations that methods apply."""
    if grouped := [entry["group"] for entry in views["augmentations"] if entry.get("group")]:
        yield (
            f"views.augmentations has a group, {grouped[0]!r}, but where views.kind is {views['kind']} they act on "
            "every view; leave `group` out, or name the transformation in views.groups"
        )
    for group, entry in views["groups"].items():
        if "kind" not in entry or entry.get("group"):
            problem = "has no kind" if "kind" not in entry else "has a `group`, but its name is the group"
            yield f"views.groups.{group} {problem}; write {group}: {{kind: <augmentation>, ...}}"
            return
        if read_schema("augmentations", entry["kind"])["x-values"] < 2:
            yield (
                f"views.groups.{group} is of the kind {entry['kind']!r}, which has no separate values to be told "
                "apart; choose one that has, such as rotation"
            )
        yield from _check_side(f"views.groups.{group}", entry, side)


def _check_side(place: str, entry: Settings, side: int) -> Iterator[str]:
    """Yield what is wrong with an augmentation of images of a side."""
    if not side:
        return
    schema = read_schema("augmentations", entry["kind"])
    if side % (multiple := schema["x-side_multiple"]):
        yield (
            f"{place} is of the kind {entry['kind']!r}, which takes images whose side is a multiple of {multiple}, but "
            f"it is {side} pixels; choose another resolution of the source"
        )
    for key, rule in schema["properties"].items():
        if key in entry and (bound := rule.get("x-reach")) and (reach := find_reach(entry[key], bound)) >= side:
            yield (
                f"{place}.{key} ({entry[key]}) reaches {reach} pixels, too far for images of {side} pixels; choose a "
                "smaller one or a higher resolution of the source"
            )


def _list_discrete(augmentations: list[Settings]) -> list[str]:
    """Return the groups of separate values: of one augmentation alone, which has such."""
    owners = [entry.get("group") for entry in augmentations]
    return [
        entry["group"]
        for entry in augmentations
        if entry.get("group")
        and owners.count(entry["group"]) == 1
        and read_schema("augmentations", entry["kind"])["x-values"]
    ]
