"""Number of features of encoders whose settings and images decide it. Without torch, since plans ask for it, too.

Of other kinds it is their setting or their attribute `dim`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Mapping[str, Any], int], int]


def count_features(kind: str, settings: Mapping[str, Any], side: int) -> int:
    """Return the number of features of an encoder of images of a side [pixels]. settings: of the kind, complete."""
    return WIDTHS[kind](settings, side)


def _count_plain(settings: Mapping[str, Any], _: int) -> int:
    return int(settings["project"] if settings["readout"] == "spatial" else settings["widths"][-1])


def _count_turning(settings: Mapping[str, Any], side: int) -> int:
    """Each width is of a map in four orientations; every stage but the first halves the side."""
    halvings = len(settings["widths"]) - 1 + settings["pool_stem"]
    values = {"max": (side // 2**halvings) ** 2, "mean": 4, "invariant": 1}
    return int(settings["widths"][-1] * values[settings["readout"]])


WIDTHS: dict[str, Rule] = {"dropout_resnet": _count_plain, "p4_resnet": _count_turning}


def find_misfit(kind: str, settings: Mapping[str, Any], side: int) -> str:
    """Say why an encoder cannot read images of a side [pixels], "" where it can. settings: of the kind, complete."""
    return MISFITS[kind](settings, side) if side and kind in MISFITS else ""


def _fit_places(settings: Mapping[str, Any], side: int) -> str:
    """The features of a flattened map are shared evenly by its places; stages but the first halve the side, up."""
    side = side // 2 if settings["pool_stem"] else side
    for _ in settings["widths"][1:]:
        side = (side + 1) // 2
    if settings["readout"] != "spatial" or settings["project"] % side**2 == 0:
        return ""
    return (
        f"encoder.project is {settings['project']}, but the last feature map has {side**2} places, which share "
        "the features evenly: choose a multiple"
    )


def _fit_turns(settings: Mapping[str, Any], side: int) -> str:
    """Only even sides turn into themselves when they are halved."""
    halvings = len(settings["widths"]) - 1 + settings["pool_stem"]
    if side % 2**halvings == 0:
        return ""
    return (
        f"images of {side} pixels cannot be halved {halvings} times, and only even sides turn into themselves when "
        "they are halved: give encoder.widths fewer entries, or pack images of another size"
    )


MISFITS: dict[str, Callable[[Mapping[str, Any], int], str]] = {"dropout_resnet": _fit_places, "p4_resnet": _fit_turns}
