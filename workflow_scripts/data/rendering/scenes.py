"""What is drawn in the embedded benchmark: classes of composites, their objects, and latents of views.

Every choice is a function of the settings' seed and of names (class, split, number), so that objects
can be drawn in any order. Lengths are in units in which an object's enclosing sphere has radius 0.5,
as 3DIEBench's objects, which have a bounding box of about unit size.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from workflow_scripts.data.rendering.settings import RenderSettings
from workflow_scripts.support.seeding import numpy_generator

OBJECT_RADIUS = 0.5  # of the enclosing sphere of every object
SPLITS = ("train", "val")  # in 3DIEBench's words: its "val" is the test split
CANDIDATES = 48  # composites to choose each class from

# Sides of the body at which parts stand in the canonical pose, in this order: three axes first, so that the first
# four parts already make every rotation plain. The camera looks from -y and above.
SIDES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0], [-1, 0, 0], [0, 0, -1], [0, 1, 0], [-1, -1, 1]], dtype=float)
# Grey level of the body and of the part at each side: neighbours differ clearly.
GREYS = np.array([0.6, 0.95, 0.15, 0.35, 0.8, 0.22, 0.45, 0.7])


@dataclass(frozen=True)
class Composite:
    """K solids, each an ellipsoid or a box, in the frame of the object's canonical pose.

    boxes: (K,) bool, False = ellipsoid; centres, half_sizes: (K, 3); axes: (K, 3, 3), whose columns
    are the directions of the half sizes; greys: (K,) albedo in [0, 1].
    """

    boxes: np.ndarray
    centres: np.ndarray
    half_sizes: np.ndarray
    axes: np.ndarray
    greys: np.ndarray


@dataclass(frozen=True)
class ObjectName:
    """Which object: `number` counts within its class and split."""

    label: int
    split: str
    number: int

    @property
    def synset(self) -> str:
        """The class folder: no WordNet synset, but it takes the place of one."""
        return f"embedded-{self.label:02d}"

    def object_id(self, seed: int) -> str:
        """Return the object's folder name, 32 hex digits."""
        name = f"embedded/{seed}/{self.label}/{self.split}/{self.number}"
        return hashlib.sha256(name.encode()).hexdigest()[:32]


def list_objects(settings: RenderSettings, split: str) -> list[ObjectName]:
    """List the objects of a split: class by class in turn, so that every stretch of the list is balanced."""
    counts = {"train": settings.objects_per_class.train, "val": settings.objects_per_class.test}
    return [ObjectName(label, split, number) for number in range(counts[split]) for label in range(settings.classes)]


def latent_ranges(settings: RenderSettings) -> list[tuple[float, float]]:
    """Return the range of each of the seven latents, in their official order."""
    return [settings.rotation_range] * 3 + [
        settings.floor_hue_range,
        settings.light_theta_range,
        settings.light_phi_range,
        settings.light_hue_range,
    ]


def sample_latents(settings: RenderSettings, name: ObjectName) -> np.ndarray:
    """Draw the latents (V, 7) float64 of an object's views: uniform, independent (Garrido et al. 2023).

    Columns: extrinsic xyz Euler angles [radian], floor hue [turns], light theta and phi [radian],
    light hue [turns].
    """
    low, high = np.array(latent_ranges(settings)).T
    generator = numpy_generator(settings.seed, "latents", name.label, name.split, name.number)
    return generator.uniform(low, high, size=(settings.views, len(low)))


def make_classes(settings: RenderSettings) -> list[Composite]:
    """Return the template of each class. The first classes are the same, however many are wanted.

    Of `CANDIDATES` random composites the one most unlike all earlier classes becomes the next class.
    """
    templates: list[Composite] = []
    for label in range(settings.classes):
        generator = numpy_generator(settings.seed, "class", label, settings.parts)
        candidates = [_draw_template(generator, settings.parts) for _ in range(CANDIDATES)]
        novelty = [min((_distance(c, t) for t in templates), default=0.0) for c in candidates]
        templates.append(candidates[int(np.argmax(novelty))])
    return [normalise(template) for template in templates]


def make_object(template: Composite, settings: RenderSettings, name: ObjectName) -> Composite:
    """Return one object of a class: the template with sizes, positions and greys varied, posed, centred, scaled."""
    generator = numpy_generator(settings.seed, "object", name.label, name.split, name.number)
    parts = len(template.greys)
    sizes = template.half_sizes * (1 + settings.jitter * generator.uniform(-1, 1, (parts, 3)))
    shifts = settings.jitter * OBJECT_RADIUS * generator.uniform(-1, 1, (parts, 3))
    greys = np.clip(template.greys + settings.grey_jitter * generator.uniform(-1, 1, parts), 0.02, 1)
    turn = _draw_pose(settings, name)
    axes, centres = turn @ template.axes, (template.centres + shifts) @ turn.T
    return normalise(Composite(template.boxes, centres, sizes, axes, greys))


def _draw_pose(settings: RenderSettings, name: ObjectName) -> np.ndarray:
    """Return the rotation matrix of an object's canonical pose."""
    if settings.pose == "shared":
        return np.eye(3)
    owner = (name.label,) if settings.pose == "class" else (name.label, name.split, name.number)
    return _draw_rotation(numpy_generator(settings.seed, "pose", *owner))


def normalise(composite: Composite) -> Composite:
    """Move and scale a composite so that its smallest enclosing sphere is centred at 0 with `OBJECT_RADIUS`."""
    points = _outline(composite)
    centre = points.mean(axis=0)
    columns = np.ascontiguousarray(points.T)
    for step in range(1, 100):  # Badoiu and Clarkson 2003: step ever less towards the farthest point
        farthest = points[_square_distances(columns, centre).argmax()]
        centre = centre + (farthest - centre) / (step + 1)
    scale = OBJECT_RADIUS / np.sqrt(_square_distances(columns, centre).max())
    return Composite(
        composite.boxes,
        (composite.centres - centre) * scale,
        composite.half_sizes * scale,
        composite.axes,
        composite.greys,
    )


def _square_distances(columns: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the squared distances (n,) of points, the columns (3, n), from a centre (3,)."""
    away = columns - centre[:, None]
    away *= away
    x, y, z = away
    x += y  # in place, and row by row: a sum over rows takes three times as long
    x += z
    return x


def _outline(composite: Composite) -> np.ndarray:
    """Return points (n, 3) whose enclosing sphere is the composite's: corners of boxes, a mesh of ellipsoids."""
    corners = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3).astype(float)
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 16, endpoint=False))
    sphere = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    unit = {True: corners, False: sphere.reshape(-1, 3)}
    return np.concatenate(
        [
            centre + (unit[bool(box)] * half) @ axes.T
            for box, centre, half, axes in zip(
                composite.boxes, composite.centres, composite.half_sizes, composite.axes, strict=True
            )
        ]
    )


def _draw_template(generator: np.random.Generator, parts: int) -> Composite:
    """Draw a body, and parts that stand out of it: long or flat, leaning a little to their sides."""
    boxes = generator.random(parts) < 0.5
    half_sizes, centres, axes = np.empty((parts, 3)), np.zeros((parts, 3)), np.empty((parts, 3, 3))
    half_sizes[0], axes[0] = generator.uniform(0.2, 0.42, 3), np.eye(3)
    for part in range(1, parts):
        side = SIDES[part - 1] / np.linalg.norm(SIDES[part - 1])
        lean = side + generator.uniform(-0.35, 0.35, 3)
        axes[part] = _frame(lean / np.linalg.norm(lean), generator.uniform(0, np.pi))
        half_sizes[part] = [generator.uniform(0.22, 0.45), *generator.uniform(0.12, 0.3, 2)]
        reach = 1 / np.linalg.norm(side / half_sizes[0])  # of the body's inscribed ellipsoid, to this side
        centres[part] = axes[part][:, 0] * (reach + 0.75 * half_sizes[part, 0])
    return Composite(boxes, centres, half_sizes, axes, GREYS[:parts])


def _distance(first: Composite, second: Composite) -> float:
    """Tell how unlike two templates are: kinds of solids weigh about as much as clearly other sizes."""
    kinds = 0.03 * (first.boxes != second.boxes).sum()
    sizes = ((first.half_sizes - second.half_sizes) ** 2).sum()
    return float(kinds + sizes + ((first.centres - second.centres) ** 2).sum())


def _frame(direction: np.ndarray, roll: float) -> np.ndarray:
    """Return a rotation matrix with `direction` as its first column, turned about it by `roll` [radian]."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    second = np.cross(direction, helper)
    second /= np.linalg.norm(second)
    third = np.cross(direction, second)
    rolled = np.cos(roll) * second + np.sin(roll) * third
    return np.stack([direction, rolled, np.cross(direction, rolled)], axis=1)


def _draw_rotation(generator: np.random.Generator) -> np.ndarray:
    """Draw a rotation matrix, uniform over all rotations (from a uniform unit quaternion)."""
    x, y, z, w = (q := generator.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
