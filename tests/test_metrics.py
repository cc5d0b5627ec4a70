"""R2 in both definitions, top-1, and the floor of a constant predictor."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.metrics import accuracy_score, r2_score

from workflow_scripts.evaluation.metrics import r2_per_component, r2_pooled, top1

pytestmark = pytest.mark.golden


def test_r2_matches_scikit_learn_and_a_loop(random):
    target = random.normal(size=(200, 3)) * [1, 2, 3] + [0, 5, -5]
    predicted = target + random.normal(size=target.shape)
    assert r2_per_component(target, predicted) == pytest.approx(r2_score(target, predicted))
    assert r2_pooled(target, predicted) == pytest.approx(r2_score(target.ravel(), predicted.ravel()))


def test_top1_matches_scikit_learn(random):
    target, predicted = random.integers(4, size=(2, 500))
    assert top1(target, predicted) == pytest.approx(100 * accuracy_score(target, predicted))


def test_constant_predictor_scores_the_published_floor(random):
    """Angles U(-pi/2, pi/2)^3, extrinsic xyz: .229 for relative, .460 for individual quaternions, raw signs."""
    angles = random.uniform(-np.pi / 2, np.pi / 2, size=(2, 200_000, 3))
    first, second = (Rotation.from_euler("xyz", a) for a in angles)
    for quaternion, floor in (((first.inv() * second).as_quat(), 0.229), (first.as_quat(), 0.460)):
        constant = np.broadcast_to(quaternion.mean(axis=0), quaternion.shape)
        assert r2_pooled(quaternion, constant) == pytest.approx(floor, abs=0.003)
        assert r2_per_component(quaternion, constant) == pytest.approx(0, abs=1e-9)


def test_what_does_not_vary_has_no_r2_and_does_not_count(random):
    target = random.normal(size=(200, 3)).astype(np.float32)
    predicted = target + random.normal(size=target.shape).astype(np.float32)
    whole = r2_per_component(target[:, :2], predicted[:, :2])
    for constant in (0.0, 0.1, 0.1 + 1e-8 * random.normal(size=200)):  # as it is, and but for rounding
        target[:, 2] = constant
        assert r2_per_component(target, predicted) == pytest.approx(whole, abs=1e-12)
        for measure in (r2_per_component, r2_pooled):
            assert measure(target[:, 2:], predicted[:, 2:]) is None
            assert measure(target[:1], predicted[:1]) is None
