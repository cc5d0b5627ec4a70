"""What the settings of a run must agree on: method, views, encoder and data, and one number with another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from workflow_scripts.experiment.contents import count_objects, get_sensitive, has_poses, is_table
from workflow_scripts.experiment.relations import compare_numbers
from workflow_scripts.experiment.rooms import list_kinds, read_schema, suggest
from workflow_scripts.experiment.view_settings import check_views
from workflow_scripts.models.encoders.widths import find_misfit
from workflow_scripts.support.errors import UserError

Settings = dict[str, Any]


def check_agreement(run: str, settings: Settings, groups: Sequence[str], source: Settings) -> None:
    """Raise `UserError` for the first settings of a run that do not go together.

    run: its name in the sentence. settings: complete. groups: of its views. source: of its data set, complete. Of a
    checkpoint that is imported only data, views and encoder are checked, since nothing is trained.
    """
    problems = [
        *_compare_data(settings, source),
        *_compare_sensitive(settings["dataset"]["views"], source),
        *check_views(settings["dataset"]["views"], int(source.get("resolution") or 0)),
        *_compare_views(settings),
    ]
    if not settings["training"]["checkpoint"]:
        problems += [*_compare_sharing(settings, groups), *_compare_groups(settings, groups)]
        problems += _compare_all_numbers(settings)
        if read_schema("methods", settings["method"])["x-trains"]:
            problems += _compare_batch(settings, source)
    for problem in problems:
        raise UserError(f"{run}: {problem}")


def check_names(run: str, settings: Settings, groups: Sequence[str], source: Settings) -> None:
    """Raise `UserError` for the first name in a run's settings of something that its views have not.

    Of a run that there is not: whether its numbers agree is asked when there is one.
    """
    side = int(source.get("resolution") or 0)
    views = settings["dataset"]["views"]
    for problem in (*check_views(views, side), *_compare_sensitive(views, source), *_compare_groups(settings, groups)):
        raise UserError(f"{run}: {problem}")


def _compare_data(settings: Settings, source: Settings) -> Iterator[str]:
    """Yield what is wrong with the views and the encoder of such data."""
    views, encoder = settings["dataset"]["views"], settings["encoder"]
    kind, table = read_schema("views", views["kind"]), is_table(source)
    holds = "rows of a table" if table else "images"
    reads = kind.get("x-reads_rows")
    if reads is not None and reads != table:
        fit = [name for name in list_kinds("views") if read_schema("views", name).get("x-reads_rows") in (None, table)]
        yield f"views.kind is {views['kind']}, but the data are {holds}; choose {' or '.join(fit)}"
    elif kind.get("x-needs_poses") and not has_poses(source):
        yield (
            f"views.kind is {views['kind']}, which needs the rotation and color that images were drawn with, and data "
            f"with the layout {source['layout']} have none; choose another kind of views, or other data"
        )
    if read_schema("encoders", encoder["kind"])["x-reads_rows"] != table:
        kinds = [name for name in list_kinds("encoders") if read_schema("encoders", name)["x-reads_rows"] == table]
        yield f"the encoder is a {encoder['kind']}, but the data are {holds}; choose a {' or '.join(kinds)}"
    elif problem := find_misfit(encoder["kind"], encoder, int(source.get("resolution") or 0)):
        yield problem


def _compare_sensitive(views: Settings, source: Settings) -> Iterator[str]:
    """Yield that the group of views of a table is not its sensitive column."""
    if is_table(source) and read_schema("views", views["kind"]).get("x-reads_rows"):
        known = [get_sensitive(source)]
        yield from (
            f"views.groups names {name!r}; {suggest(name, known)}" for name in views["groups"] if name not in known
        )


def _compare_views(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the views of a run's method.

    A method that needs a group either transforms images itself or predicts the group's actions. Where methods are to
    transform the images, actions between views tell nothing.
    """
    name, kind = settings["method"], settings["dataset"]["views"]["kind"]
    method = read_schema("methods", name)
    transforms, acts = method.get("x-transforms", False), method.get("x-uses_actions", False)
    transformable = [view for view in list_kinds("views") if read_schema("views", view).get("x-transformable")]
    if transforms and kind not in transformable:
        kinds = " or ".join(transformable)
        yield f"{name} transforms images itself, but views.kind is {kind}; take a data set whose views.kind is {kinds}"
    if kind in transformable and (acts or (method["x-needs_group"] and not transforms)):
        yield (
            f"{name} learns from actions between views, but where views.kind is {kind} there are none: methods "
            "transform the images themselves; take a data set whose views.kind is another"
        )


def _compare_sharing(settings: Settings, groups: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong where a method's views are to share groups, or to differ in them."""
    name, kind = settings["method"], settings["dataset"]["views"]["kind"]
    method, together = read_schema("methods", name), 0
    if method.get("x-uses_actions") and not groups:
        yield (
            f"{name} learns from actions between views, but these views have no groups; give views some, or take "
            "another method"
        )
    for key, schema in method["properties"].items():
        named = settings["settings"][key]
        named = groups if named is None else named
        if schema.get("x-one_view_each") and named:
            together = max(together, 1)
        if schema.get("x-shared"):
            together = max(together, len(named))
    most = read_schema("views", kind).get("x-sharable")
    if most is not None and together > most:
        able = [view for view in list_kinds("views") if read_schema("views", view).get("x-sharable") is None]
        yield (
            f"a view of {name} is to share {together} group{'s' * (together > 1)} with another, but where views.kind "
            f"is {kind} it can share {most or 'none'}; choose {' or '.join(able)}, or another method"
        )


def _compare_all_numbers(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with numbers of a run that are bound to other settings."""
    schedule, encoder = settings["training"]["schedule"], settings["encoder"]
    yield from compare_numbers(settings["settings"], read_schema("methods", settings["method"]), "settings", settings)
    yield from compare_numbers(schedule, read_schema("schedules", schedule["kind"]), "training.schedule", settings)
    yield from compare_numbers(encoder, read_schema("encoders", encoder["kind"]), "encoder", settings)


def _compare_batch(settings: Settings, source: Settings) -> Iterator[str]:
    """Yield that there are fewer objects than a batch has, as far as that is known before there are any."""
    batch, share = settings["training"]["batch"], settings["dataset"]["holdout"]["share"]
    objects, _ = count_objects(source, share)
    if objects < batch:
        yield (
            f"training.batch is {batch}, but there are only {objects} training objects; lower it to {objects} or less, "
            "or use more objects"
        )


def _compare_groups(settings: Settings, groups: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with lists of groups."""
    for key, schema in read_schema("methods", settings["method"])["properties"].items():
        named = settings["settings"][key] or () if schema.get("x-names") == "groups" else ()
        yield from (f"settings.{key} names {name!r}; {suggest(name, groups)}" for name in named if name not in groups)
