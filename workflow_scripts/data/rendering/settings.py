"""Settings of the embedded benchmark: what they are, what they may be, and 3DIEBench's own ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from workflow_scripts.support.errors import UserError

# Ranges of the latents in 3DIEBench (Garrido et al. 2023): angles in radian, hues in turns.
OFFICIAL_RANGES: dict[str, tuple[float, float]] = {
    "rotation_range": (-math.pi / 2, math.pi / 2),
    "floor_hue_range": (0.0, 1.0),
    "light_theta_range": (0.0, math.pi / 4),
    "light_phi_range": (0.0, 2 * math.pi),
    "light_hue_range": (0.0, 1.0),
}

# What settings may be: values at both ends included.
LIMITS: dict[str, tuple[float, float]] = {
    "classes": (1, 99),
    "train": (1, 1_000_000),
    "val": (1, 1_000_000),
    "views": (2, 1000),
    "resolution": (8, 256),
    "supersampling": (1, 4),
    "jitter": (0.0, 0.5),
    "grey_jitter": (0.0, 0.5),
    "parts": (3, 8),
    "jpeg_quality": (1, 100),
    "seed": (0, 2**63 - 1),
    "rotation_range": (-math.pi, math.pi),
    "floor_hue_range": (0.0, 1.0),
    "light_theta_range": (0.0, 1.4),  # a lower light would shine along the floor
    "light_phi_range": (0.0, 6.284),  # 2 pi, also where it is rounded up
    "light_hue_range": (0.0, 1.0),
}
POSES = ("shared", "class", "object")


@dataclass(frozen=True)
class RenderSettings:
    """All that decides the bytes of the embedded benchmark. The defaults are its easy form.

    jitter: within-class variation of sizes and positions, relative. grey_jitter: of the parts' grey
    levels, absolute. pose: the canonical pose, from which rotations start: "shared" by all objects, one
    random pose for each "class" (as ShapeNet's classes are aligned within, not among, themselves), or
    one for each "object" (it cannot be seen, so a new object's rotations are then hardly predictable).
    Ranges: of the uniform distributions of the latents, in radian or (hues) turns.
    """

    classes: int = 5
    objects_per_class: Mapping[str, int] = field(default_factory=lambda: {"train": 110, "val": 30})
    views: int = 40
    resolution: int = 32
    supersampling: int = 2
    jitter: float = 0.05
    parts: int = 4
    grey_jitter: float = 0.0
    pose: str = "shared"
    rotation_range: tuple[float, float] = (-1.0, 1.0)
    floor_hue_range: tuple[float, float] = (0.0, 0.7)
    light_hue_range: tuple[float, float] = (0.0, 0.7)
    light_theta_range: tuple[float, float] = (0.0, 0.785398)
    light_phi_range: tuple[float, float] = (0.0, 6.283185)
    shadow: bool = True
    jpeg_quality: int = 95
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the settings as a JSON-like map, ranges as lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def parse_settings(given: object) -> RenderSettings:
    """Turn a JSON value into settings; absent keys take their defaults. Raises `UserError` for bad ones."""
    if not isinstance(given, Mapping):
        raise UserError(f'the render settings are {given!r}; give a map such as {{"classes": 5}}')
    known = {entry.name for entry in fields(RenderSettings)}
    if unknown := sorted(map(str, given.keys() - known)):
        raise UserError(f"unknown render setting {unknown[0]!r}; the settings are {', '.join(sorted(known))}")
    return RenderSettings(**{key: _parse(key, value) for key, value in given.items()})


def _parse(key: str, value: Any) -> Any:
    if key == "objects_per_class":
        if not isinstance(value, Mapping) or value.keys() != {"train", "val"}:
            raise UserError(f'render setting objects_per_class is {value!r}; give {{"train": n, "val": n}}')
        return {
            split: _parse_number(f"objects_per_class.{split}", value[split], whole=True) for split in ("train", "val")
        }
    if key == "pose":
        if value not in POSES:
            raise UserError(f"render setting pose is {value!r}; choose from {', '.join(POSES)}")
        return value
    if key == "shadow":
        if not isinstance(value, bool):
            raise UserError(f"render setting {key} is {value!r}; give true or false")
        return value
    if key.endswith("_range"):
        return _parse_range(key, value)
    return _parse_number(key, value, whole=not key.endswith("jitter"))


def _parse_number(key: str, value: Any, whole: bool) -> float:
    low, high = LIMITS[key.rpartition(".")[2]]
    wanted = "a whole number" if whole else "a number"
    proper = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not proper or not low <= value <= high:
        raise UserError(f"render setting {key} is {value!r}; give {wanted} from {low} to {high}")
    return int(value) if whole else float(value)


def _parse_range(key: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UserError(f"render setting {key} is {value!r}; give two numbers, [lowest, highest]")
    low, high = (_parse_number(key, end, whole=False) for end in value)
    if low > high:
        raise UserError(f"render setting {key} is [{low}, {high}]; give the lowest value first")
    return low, high
