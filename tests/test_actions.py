"""Actions against scipy's rotations and against rendering-free identities."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from workflow_scripts.data.latents import ViewActions, canonical, invert_quaternion, multiply_quaternions
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden


def random_latents(random, count):
    latents = random.uniform(0, 1, size=(count, 7))
    latents[:, :3] = random.uniform(-np.pi / 2, np.pi / 2, size=(count, 3))
    return latents


def test_product_and_inverse_match_scipy(random):
    p, q = (Rotation.random(50, random_state=int(random.integers(1e6))) for _ in range(2))
    product = multiply_quaternions(torch.from_numpy(p.as_quat()), torch.from_numpy(q.as_quat()))
    expected = (p * q).as_quat()
    np.testing.assert_allclose(canonical(product), canonical(torch.from_numpy(expected)), atol=1e-12)
    unit = multiply_quaternions(product, invert_quaternion(product))
    np.testing.assert_allclose(unit, np.tile([0, 0, 0, 1], (50, 1)), atol=1e-12)


def test_relative_rotation_matches_scipy(random):
    first, second = random_latents(random, 40), random_latents(random, 40)
    actions = ViewActions()
    action = actions.relate(actions.states(first), actions.states(second))
    r1, r2 = (Rotation.from_euler("xyz", latents[:, :3]) for latents in (first, second))
    expected = (r1.inv() * r2).as_quat()
    np.testing.assert_allclose(canonical(action[:, :4]), canonical(torch.from_numpy(expected)), atol=1e-5)
    np.testing.assert_allclose(action[:, 4], second[:, 3] - first[:, 3], atol=1e-6)
    np.testing.assert_allclose(action[:, 5], second[:, 6] - first[:, 6], atol=1e-6)


def test_canonical_quaternions_have_positive_real_part(random):
    actions = ViewActions(canonical_quaternions=True)
    states = actions.states(random_latents(random, 200))
    action = actions.relate(states[:100], states[100:])
    assert (states[:, 3] >= 0).all()
    assert (action[:, 3] >= 0).all()


def test_circular_hue_sees_no_seam():
    latents = np.zeros((2, 7))
    latents[:, 3], latents[:, 6] = [0.01, 0.99], [0.2, 0.45]
    actions = ViewActions(hue="circular")
    action = actions.relate(*actions.states(latents))
    turns = torch.atan2(action[4::2], action[5::2]) / (2 * torch.pi)
    np.testing.assert_allclose(turns, [-0.02, 0.25], atol=1e-6)
    assert actions.space().dim == len(action)


def test_groups_divide_the_action():
    space = ViewActions().space()
    action = torch.tensor([[1.0, 2, 3, 4, -5, 6]])
    np.testing.assert_array_equal(space.show(action, ("rotation",)), [[1, 2, 3, 4, 0, 0]])
    np.testing.assert_array_equal(space.show(action, ("color",)), [[0, 0, 0, 0, -5, 6]])
    np.testing.assert_array_equal(space.show(action, ("color", "rotation")), action)
    assert space.dim == 6


@pytest.mark.parametrize("hue", ["linear", "circular"])
def test_one_group_is_a_part_of_both(hue, random):
    latents = random_latents(random, 20)
    both = ViewActions(hue=hue)
    states = both.states(latents)
    action = both.relate(states[:10], states[10:])
    for group, entries in both.space().groups.items():
        one = ViewActions(hue=hue, groups=(group,))
        own = one.states(latents)
        assert torch.equal(own, states[:, entries])
        assert torch.equal(one.relate(own[:10], own[10:]), action[:, entries])
        assert one.space().groups == {group: slice(0, own.shape[1])}


def test_unknown_groups_are_named():
    with pytest.raises(UserError, match="stored views have no group 'crop'"):
        ViewActions(groups=("rotation", "crop"))
