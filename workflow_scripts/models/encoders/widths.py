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
