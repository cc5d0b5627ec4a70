"""Settings of the embedded benchmark: what they are, what they may be, and 3DIEBench's own ranges."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from workflow_scripts.experiment.checking import check_schema, fill
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.support.settings import Ascending, Share

# Ranges of the latents in 3DIEBench (Garrido et al. 2023): angles in radian, hues in turns.
OFFICIAL_RANGES: dict[str, tuple[float, float]] = {
    "rotation_range": (-math.pi / 2, math.pi / 2),
    "floor_hue_range": (0.0, 1.0),
    "light_theta_range": (0.0, math.pi / 4),
    "light_phi_range": (0.0, 2 * math.pi),
    "light_hue_range": (0.0, 1.0),
}

PerClass = Annotated[int, Ge(1), Le(1_000_000)]
Jitter = Annotated[float, Ge(0), Le(0.5)]
Angle = Annotated[float, Ge(-3.1416), Le(3.1416)]
Elevation = Annotated[float, Ge(0), Le(1.4)]  # a lower light would shine along the floor
Azimuth = Annotated[float, Ge(0), Le(6.284)]  # 2 pi, also where it is rounded up
AngleRange = Annotated[tuple[Angle, Angle], Ascending()]
TurnsRange = Annotated[tuple[Share, Share], Ascending()]
ElevationRange = Annotated[tuple[Elevation, Elevation], Ascending()]
AzimuthRange = Annotated[tuple[Azimuth, Azimuth], Ascending()]


@dataclass(frozen=True)
class ObjectsPerClass:
    """How many objects of each class there are in the official training and test splits."""

    train: PerClass = 110
    test: PerClass = 30


@dataclass(frozen=True)
class RenderSettings:
    """All that decides the bytes of the embedded benchmark. The defaults are its easy form.

    jitter: within-class variation of sizes and positions, relative. grey_jitter: of the parts' grey
    levels, absolute. pose: the canonical pose, from which rotations start: "shared" by all objects, one
    random pose for each "class" (as ShapeNet's classes are aligned within, not among, themselves), or
    one for each "object" (it cannot be seen, so a new object's rotations are then hardly predictable).
    jpeg_quality: of the image files; with null there are none, and images are drawn when they are packed, without loss
    (the source's layout is then `rendered`).
    Ranges: of the uniform distributions of the latents, in radian or (hues) turns.
    """

    classes: Annotated[int, Ge(1), Le(99)] = 5
    objects_per_class: ObjectsPerClass = ObjectsPerClass()
    views: Annotated[int, Ge(2), Le(1000)] = 40  # 3DIEBench: 50
    resolution: Annotated[int, Ge(8), Le(256)] = 32  # [pixels]; 3DIEBench: 256
    supersampling: Annotated[int, Ge(1), Le(4)] = 2
    jitter: Jitter = 0.05
    parts: Annotated[int, Ge(3), Le(8)] = 4
    grey_jitter: Jitter = 0.0
    pose: Literal["shared", "class", "object"] = "shared"
    rotation_range: AngleRange = (-1.0, 1.0)  # each Euler angle; 3DIEBench: +-pi/2
    floor_hue_range: TurnsRange = (0.0, 0.7)  # 3DIEBench: [0, 1]. Up to 0.7 the hue never wraps around
    light_hue_range: TurnsRange = (0.0, 0.7)
    light_theta_range: ElevationRange = (0.0, 0.785398)
    light_phi_range: AzimuthRange = (0.0, 6.283185)
    shadow: bool = True
    jpeg_quality: Annotated[int, Ge(1), Le(100)] | None = 95
    seed: Annotated[int, Ge(0), Le(2**63 - 1)] = 0

    def as_json(self) -> dict[str, Any]:
        """Return the settings as a JSON-like map, ranges as lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def parse_settings(given: Any) -> RenderSettings:
    """Turn a JSON value into settings; absent keys take their defaults. Raises `UserError` for bad ones."""
    schema = read_schema("sources", "render")
    check_schema(given, schema, "render settings")
    values: dict[str, Any] = fill(given, schema)
    ranges = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    objects = ObjectsPerClass(**values["objects_per_class"])
    return RenderSettings(**{**values, **ranges, "objects_per_class": objects})
