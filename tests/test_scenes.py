"""What the embedded benchmark draws: distribution of the latents, classes, objects of a class."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from workflow_scripts.data.rendering import scenes
from workflow_scripts.data.rendering.settings import OFFICIAL_RANGES, RenderSettings, parse_settings

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("ranges", [{}, OFFICIAL_RANGES])
def test_latents_are_uniform_independent_and_in_range(ranges):
    settings = parse_settings({"views": 200, **{key: list(value) for key, value in ranges.items()}})
    names = scenes.list_objects(settings, "train")[:25]
    latents = np.concatenate([scenes.sample_latents(settings, name) for name in names])
    assert latents.dtype == np.float64
    expected = [settings.rotation_range] * 3
    expected += [
        settings.floor_hue_range,
        settings.light_theta_range,
        settings.light_phi_range,
        settings.light_hue_range,
    ]
    for column, (low, high) in zip(latents.T, expected, strict=True):
        assert low <= column.min() < column.max() <= high
        assert scipy.stats.kstest(column, "uniform", (low, high - low)).pvalue > 0.001
    assert np.abs(np.corrcoef(latents.T) - np.eye(7)).max() < 0.06


def test_official_ranges():
    half, quarter = math.pi / 2, math.pi / 4
    expected = {
        "rotation_range": (-half, half),
        "floor_hue_range": (0, 1),
        "light_theta_range": (0, quarter),
        "light_phi_range": (0, 2 * math.pi),
        "light_hue_range": (0, 1),
    }
    assert expected == OFFICIAL_RANGES


@pytest.mark.parametrize("parts", [3, 4, 8])
def test_classes_differ_and_do_not_depend_on_their_number(parts):
    many = scenes.make_classes(RenderSettings(classes=12, parts=parts))
    few = scenes.make_classes(RenderSettings(classes=5, parts=parts))
    assert [len(template.greys) for template in many] == [parts] * 12
    for one, same in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.half_sizes, same.half_sizes)
    for one, other in itertools.combinations(many, 2):
        assert (one.boxes != other.boxes).any() or np.abs(one.half_sizes - other.half_sizes).max() > 0.05


def test_objects_vary_by_jitter_within_a_class():
    settings = RenderSettings(jitter=0.05)
    template = scenes.make_classes(settings)[0]
    for still, (low, high) in ((replace(settings, jitter=0.0), (0, 1e-6)), (settings, (0.005, 0.2))):
        first, second = (scenes.make_object(template, still, scenes.ObjectName(0, split, 0)) for split in scenes.SPLITS)
        assert low <= np.abs(first.half_sizes / second.half_sizes - 1).max() <= high
        np.testing.assert_array_equal(first.axes, second.axes)
        np.testing.assert_array_equal(first.greys, second.greys)


@pytest.mark.parametrize("pose", ["class", "object"])
def test_free_poses_turn_the_whole_object(pose):
    free = RenderSettings(pose=pose, jitter=0.0)
    template = scenes.make_classes(free)[0]
    still = scenes.make_object(template, replace(free, pose="shared"), scenes.ObjectName(0, "train", 0))
    turns = []
    for number in range(2):
        composite = scenes.make_object(template, free, scenes.ObjectName(0, "train", number))
        turn = composite.axes @ still.axes.mT
        np.testing.assert_allclose(turn, np.broadcast_to(turn[0], turn.shape), atol=1e-9)
        np.testing.assert_allclose(turn[0] @ turn[0].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(turn[0]) == pytest.approx(1)
        distances = np.linalg.norm(composite.centres[:, None] - composite.centres, axis=-1)
        expected = np.linalg.norm(still.centres[:, None] - still.centres, axis=-1)
        np.testing.assert_allclose(distances, expected, rtol=0.05)  # the enclosing sphere is an approximate one
        turns.append(turn[0])
    assert (np.abs(turns[0] - turns[1]).max() > 0.1) == (pose == "object")
    assert np.abs(turns[0] - np.eye(3)).max() > 0.1


def test_greys_vary_by_their_own_jitter():
    settings = RenderSettings(grey_jitter=0.05)
    template = scenes.make_classes(settings)[0]
    names = [scenes.ObjectName(0, "train", number) for number in range(200)]
    shifts = np.stack([scenes.make_object(template, settings, name).greys - template.greys for name in names])
    assert 0.049 < np.abs(shifts).max() < 0.0501
    assert np.abs(shifts.mean(axis=0)).max() < 0.01
