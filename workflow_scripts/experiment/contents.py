"""What a source will hold, as far as its settings tell before there are any data: tables or images, and how many."""

from __future__ import annotations

from functools import cache
from typing import Any

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import DOWNLOADS, read_schema
from workflow_scripts.support.plugins import find_text, list_plugins

Source = dict[str, Any]


@cache
def _read_entry(download: str) -> dict[str, Any]:
    """Return an entry of the table of sources."""
    entry: dict[str, Any] = read_yaml(DOWNLOADS / f"{download}.yaml")
    return entry


def count_inputs(source: Source) -> int:
    """Return the number of images, or rows of a table, of a source, train and test together, at most."""
    if "render" in source:
        made = source["render"]
        return int(made["classes"] * sum(made["objects_per_class"].values()) * made["views"])
    if "synthesize" in source:
        made = source["synthesize"]
        return int(made[read_schema("synthesizers", made["kind"])["x-inputs"]])
    known = _read_entry(source["download"])
    if "classes" not in known:
        return int(known["inputs"])
    share, classes = source.get("per_class") or {}, source.get("classes") or known["classes"]
    whole = known["inputs"] * classes // known["classes"]  # as far as classes are of one size
    return int(min(whole, classes * sum(share.values()) * known.get("views", 1)) if share else whole)


def count_objects(source: Source, holdout: float) -> tuple[int, int]:
    """Return how many objects a source has for training and for the split val, at most. holdout: share of the latter.

    Exact where images are drawn; of downloads, whose splits are not known before, an upper bound.
    """
    kept = (source.get("per_class") or {}).get("train")
    if "render" in source:
        made = source["render"]
        each = made["objects_per_class"]["train"] if kept is None else min(kept, made["objects_per_class"]["train"])
        held_out = round(holdout * each)
        return made["classes"] * (each - held_out), made["classes"] * held_out
    most = count_inputs(source)
    if kept is not None and "download" in source:
        known = _read_entry(source["download"])
        classes = source.get("classes") or known.get("classes")
        most = min(most, classes * kept) if classes else most
    return most, most if holdout else 0


def is_table(source: Source) -> bool:
    """Tell whether a source is read as rows of a table: a reader of such names its sensitive column."""
    return source["layout"] in list_plugins("data.readers", "SENSITIVE")


def get_sensitive(source: Source) -> str:
    """Return the name of the sensitive column of a table."""
    return find_text("data.readers", source["layout"], "SENSITIVE")


def has_poses(source: Source) -> bool:
    """Tell whether the rotation and color that each image was drawn with are known."""
    return source["layout"] in list_plugins("data.readers", "POSES")
