"""The ray-caster against dense sampling along rays, scipy's rotations, colorsys and hand-computed light."""

import colorsys
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from workflow_scripts.data.rendering import raycaster
from workflow_scripts.data.rendering.raycaster import Lighting, render
from workflow_scripts.data.rendering.scenes import (
    OBJECT_RADIUS,
    Composite,
    ObjectName,
    list_objects,
    make_classes,
    make_object,
    sample_latents,
)
from workflow_scripts.data.rendering.settings import RenderSettings

pytestmark = pytest.mark.unit

STEPS = np.linspace(0, 8, 16001)  # along a ray of unit direction
MIDDLE = np.array([[0, 0, 0, 0.3, 0.4, 2.0, 0.6]])  # latents of a view in the canonical pose


@pytest.fixture(scope="module")
def objects() -> list[Composite]:
    """One object of each of four classes: ellipsoids and boxes, many and few."""
    settings = RenderSettings(classes=4, parts=5, jitter=0.2)
    return [make_object(t, settings, ObjectName(k, "train", 0)) for k, t in enumerate(make_classes(settings))]


def depth(composite: Composite, rotation: Rotation, points: np.ndarray) -> np.ndarray:
    """(K, n): how far out points (n, 3) are of each part of a turned composite; < 1 inside. In float64."""
    canonical = rotation.inv().apply(points)
    out = []
    for box, centre, half, axes in zip(
        composite.boxes, composite.centres, composite.half_sizes, composite.axes, strict=True
    ):
        local = (canonical - centre) @ axes / half
        out.append(np.abs(local).max(axis=1) if box else np.linalg.norm(local, axis=1))
    return np.array(out)


def unit_part(box: bool) -> Composite:
    return Composite(np.array([box]), np.zeros((1, 3)), np.ones((1, 3)), np.eye(3)[None], np.ones(1))


@pytest.mark.parametrize("box", [False, True])
def test_intersections_match_dense_sampling(box, random):
    origins = random.normal(size=(400, 3))
    origins *= random.uniform(1.8, 4, (400, 1)) / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = random.normal(0, 0.7, (400, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    solve = raycaster.intersect_cubes if box else raycaster.intersect_balls
    found = solve(torch.from_numpy(origins), torch.from_numpy(directions)[..., None])[:, 0].numpy()
    hits = 0
    for origin, direction, distance in zip(origins, directions, found, strict=True):
        out = depth(unit_part(box), Rotation.identity(), origin + STEPS[:, None] * direction)[0]
        if abs(out.min() - 1) > 1e-3:  # not a graze, where sampling may slip past
            expected = STEPS[np.argmax(out < 1)] if out.min() < 1 else math.inf
            assert distance == pytest.approx(expected, abs=2e-3)
            hits += distance < math.inf
    assert 100 < hits < 380


def test_rays_along_an_axis_and_rays_away():
    origin = torch.tensor([0.0, 0.0, 3.0])
    directions = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]).T
    for solve in (raycaster.intersect_cubes, raycaster.intersect_balls):
        assert solve(origin, directions).tolist() == [2.0, math.inf, math.inf]


def test_nearest_part_and_normal_of_turned_composites(objects, random):
    """The camera's rays meet the part and the place that sampling finds; normals are gradients of the distance."""
    place, directions = raycaster.make_camera(24)
    for composite in objects:
        angles = random.uniform(-1.5, 1.5, 3)
        rotation = Rotation.from_euler("xyz", angles)
        posed = raycaster.pose(composite, raycaster.rotation_matrices(torch.from_numpy(angles).float()[None]))
        found = raycaster.intersect(posed, place[None], directions[None])[0]
        order = np.argsort(composite.boxes, kind="stable")
        compared = 0
        for ray in random.choice(24 * 24, 60, replace=False):
            direction = directions[:, ray].double().numpy()
            steps = np.linspace(1.5, 3.5, 4001)
            points = place.double().numpy() + steps[:, None] * direction
            out = depth(composite, rotation, points)
            if abs(out.min() - 1) < 0.02:
                continue
            compared += 1
            distance, part = (value.item() for value in found[:, ray].min(0))
            if out.min() > 1:
                assert distance == math.inf
                continue
            first = np.argmax((out < 1).any(axis=0))
            assert distance == pytest.approx(steps[first], abs=2e-3)
            assert out[order[part], first] < 1.01
            if distance < math.inf:
                _check_normal(composite, rotation, posed, order[part], part, points[first])
        assert compared > 40


def _check_normal(composite, rotation, posed, original, part, point):
    shifted = np.concatenate([point + 1e-5 * np.eye(3), point - 1e-5 * np.eye(3)])
    out = depth(composite, rotation, shifted)[original]
    gradient = (out[:3] - out[3:]) / np.linalg.norm(out[:3] - out[3:])
    index = torch.tensor([0]), torch.tensor([part])
    normal = raycaster.find_normals(posed, *index, torch.from_numpy(point).float()[None])[0].numpy()
    local = composite.axes[original].T @ (rotation.inv().apply(point) - composite.centres[original])
    size = np.sort(np.abs(local / composite.half_sizes[original]))
    if not composite.boxes[original] or size[-1] - size[-2] > 0.05:  # not at an edge of a box
        np.testing.assert_allclose(normal, gradient, atol=0.02)


def test_rotation_is_extrinsic_xyz(random):
    angles = random.uniform(-math.pi, math.pi, (50, 3))
    expected = Rotation.from_euler("xyz", angles).as_matrix()
    np.testing.assert_allclose(raycaster.rotation_matrices(torch.from_numpy(angles)), expected, atol=1e-12)


def test_hsv_matches_colorsys(random):
    hues = random.uniform(0, 1, 50)
    for saturation, value in ((0.6, 0.6), (1.0, 0.8)):
        expected = [colorsys.hsv_to_rgb(hue, saturation, value) for hue in hues]
        np.testing.assert_allclose(
            raycaster.hsv_to_rgb(torch.from_numpy(hues), saturation, value), expected, atol=1e-12
        )


def test_floor_shows_its_hue_under_white_light(objects):
    latents = np.repeat(MIDDLE, 8, axis=0)
    latents[:, 3] = np.linspace(0.02, 0.98, 8)
    images = render(objects[0], latents, 32, 2, Lighting(spot=0.0))
    for hue, image in zip(latents[:, 3], images, strict=True):
        found, saturation, _ = colorsys.rgb_to_hsv(*(image[0, 0] / 255.0))
        assert found == pytest.approx(hue, abs=0.01)
        assert saturation == pytest.approx(0.6, abs=0.02)


def test_grey_object_shows_the_hue_of_the_spot_light(objects):
    latents = np.repeat(MIDDLE, 8, axis=0)
    latents[:, 6] = np.linspace(0.02, 0.98, 8)
    images = render(objects[0], latents, 32, 1, Lighting(ambient=0.0, sun=0.0))
    plain = render(objects[0], latents, 32, 1, Lighting(spot=0.0))
    grey = (plain.max(-1) == plain.min(-1)) & (images.max(-1) > 100)  # lit pixels of the object
    for hue, image, chosen in zip(latents[:, 6], images, grey, strict=True):
        assert chosen.sum() > 5
        for pixel in image[chosen]:
            found, saturation, _ = colorsys.rgb_to_hsv(*(pixel / 255.0))
            assert min(abs(found - hue), 1 - abs(found - hue)) < 0.02
            assert saturation > 0.98


def test_floor_is_lit_as_computed_by_hand(objects):
    """A corner pixel, from the camera's geometry on: elevation 45 degrees, distance 2.5, spot at radius 4."""
    hue, theta, phi, light = MIDDLE[0, 3:]
    image = render(objects[0], MIDDLE, 32, 1, Lighting(shadow=False))[0] / 255.0
    eye = 2.5 * np.array([0, -math.sqrt(0.5), math.sqrt(0.5)])
    up = np.array([0, math.sqrt(0.5), math.sqrt(0.5)])
    corner = raycaster.FRAME * (1 - 1 / 32)
    direction = -eye / 2.5 + corner * np.array([1.0, 0, 0]) - corner * up  # lower right
    point = eye + direction * (-0.5 - eye[2]) / direction[2]
    spot = 4 * np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])
    cosine = (spot - point)[2] / np.linalg.norm(spot - point)
    lighting = Lighting()
    white = lighting.ambient + lighting.sun * lighting.sun_direction[2]
    color = np.array(colorsys.hsv_to_rgb(light, 1, 0.8))
    expected = np.array(colorsys.hsv_to_rgb(hue, 0.6, 0.6)) * (white + lighting.spot * cosine * color)
    np.testing.assert_allclose(image[-1, -1], expected, atol=0.003)


@pytest.mark.parametrize(("axis", "row", "column"), [(0, 16, 26), (2, 7, 16), (1, 9, 16)])
def test_axes_point_where_they_should(axis, row, column):
    """World x to the right, z up, y away from the camera (and so up): a white ball against a black body."""
    centre = np.zeros((1, 3))
    centre[0, axis] = 0.35
    ball = Composite(np.array([False]), centre, np.full((1, 3), 0.1), np.eye(3)[None], np.ones(1))
    image = render(ball, MIDDLE, 32, 1, Lighting(spot=0.0))[0]
    rows, columns = np.nonzero(image.max(-1) == image.min(-1))
    assert (rows.mean(), columns.mean()) == pytest.approx((row, column), abs=1.5)


def test_shadow_is_where_the_light_is_hidden(objects, random):
    composite, angles = objects[1], np.array([0.4, -0.7, 0.9])
    latents = torch.tensor([[*angles, 0.2, 0.7, 1.0, 0.5]], dtype=torch.float32)
    posed = raycaster.pose(composite, raycaster.rotation_matrices(latents[:, :3]))
    points = np.concatenate([random.uniform(-1, 1, (2, 150)), np.full((1, 150), -OBJECT_RADIUS)])
    spot = raycaster.place_spot(latents[0, 4], latents[0, 5]).double().numpy()
    assert np.linalg.norm(spot) == pytest.approx(4)
    normals = torch.tensor([0.0, 0.0, 1.0])[:, None].expand(1, 3, 150)
    lighting = Lighting(ambient=0.0, sun=0.0)
    light = raycaster.light_up(posed, latents, torch.from_numpy(points).float()[None], normals, lighting)[0]
    rotation, hidden = Rotation.from_euler("xyz", angles), []
    for point, lit in zip(points.T, light.amax(0) > 0, strict=True):
        way = point + np.linspace(0, 1, 4001)[:, None] * (spot - point)
        out = depth(composite, rotation, way).min()
        if abs(out - 1) > 0.02:
            assert bool(lit) == (out > 1)
            hidden.append(out < 1)
    assert 10 < sum(hidden) < len(hidden) - 10


@pytest.mark.parametrize("pose", ["shared", "object"])
def test_objects_fill_the_frame_and_stay_in_it(pose):
    """At any rotation: no object pixel on the border, nothing below the floor, and a good part of the image used."""
    settings = RenderSettings(
        classes=6, views=20, jitter=0.3, pose=pose, rotation_range=(-math.pi, math.pi), shadow=False
    )
    templates = make_classes(settings)
    for name in list_objects(settings, "val")[:6]:
        composite = make_object(templates[name.label], settings, name)
        images = render(composite, sample_latents(settings, name), 32, 1, Lighting(spot=0.0))
        mask = images.max(-1) == images.min(-1)
        assert not mask[:, [0, -1]].any()
        assert not mask[:, :, [0, -1]].any()
        assert 0.1 < mask.mean() < 0.7
        surface = Rotation.random(20, random_state=0).as_matrix() @ _extremes(composite).T
        assert surface[:, 2].min() >= -OBJECT_RADIUS - 1e-3


def _extremes(composite: Composite) -> np.ndarray:
    """Points (n, 3) all over the parts' surfaces."""
    directions = Rotation.random(300, random_state=1).apply([0, 0, 1.0])
    parts = []
    for box, centre, half, axes in zip(
        composite.boxes, composite.centres, composite.half_sizes, composite.axes, strict=True
    ):
        unit = directions / np.abs(directions).max(axis=1, keepdims=True) if box else directions
        parts.append(centre + unit * half @ axes.T)
    return np.concatenate(parts)
