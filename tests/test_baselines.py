"""The equivariant baselines and the methods with a transformer: losses against slow versions of their formulas."""

import math

import numpy as np
import pytest
import torch
from batches import make_batch, make_small

from workflow_scripts.models.context import draw_context_mask
from workflow_scripts.models.predictors import HyperPredictor, LinearPredictor

pytestmark = pytest.mark.golden
ENTRIES = {"rotation": slice(0, 4), "color": slice(4, 6)}


def make(name, group="", **changes):
    return make_small(name, group, **changes).eval()


def slow_info_nce(u, v, temperature, minimum=-1.0):
    """Row by row in numpy: u, v (N, D)."""
    rows = np.concatenate([u, v])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    total = 0.0
    for i, row in enumerate(rows):
        logits = [max(float(row @ other), minimum) / temperature for other in rows]
        others = sum(math.exp(x) for j, x in enumerate(logits) if j != i)
        total += math.log(others) - logits[(i + len(u)) % len(rows)]
    return total / len(rows)


def slow_project(projector, h):
    """Linear, BatchNorm in evaluation mode (new: subtracts 0, divides by sqrt(1 + eps)), ReLU, Linear, in numpy."""
    layers = list(projector)
    for linear in layers[:-1:3]:
        h = h @ array(linear.weight).T + array(linear.bias)
        h = np.maximum(h / math.sqrt(1 + 1e-5), 0)
    return h @ array(layers[-1].weight).T


def array(tensor):
    return tensor.detach().double().numpy()


def slow_linear_predictor(predictor, z, action):
    weight, bias = array(predictor.linear.weight), array(predictor.linear.bias)
    return np.stack([weight @ np.concatenate([a, row]) + bias for a, row in zip(action, z, strict=True)])


def slow_hyper_predictor(predictor, z, action):
    """W(a) = reshape(H a), then W(a) z, one embedding at a time."""
    hyper, dim = array(predictor.hyper.weight), z.shape[1]
    return np.stack([(hyper @ a).reshape(dim, dim) @ row for a, row in zip(action, z, strict=True)])


def variance(z):
    return np.maximum(0, 1 - np.sqrt(z.var(axis=0, ddof=1) + 1e-4)).mean()


def covariance(z):
    c = np.cov(z.T)
    return (c**2).sum() / z.shape[1] - (np.diag(c) ** 2).sum() / z.shape[1]


@pytest.mark.parametrize("predictor", [LinearPredictor, HyperPredictor])
def test_predictors_match_their_formulas(predictor):
    torch.manual_seed(0)
    made, z, action = predictor(5, 3), torch.randn(7, 5), torch.randn(7, 3)
    slow = {LinearPredictor: slow_linear_predictor, HyperPredictor: slow_hyper_predictor}[predictor]
    np.testing.assert_allclose(array(made(z, action)), slow(made, array(z), array(action)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("group", ["rotation", "color"])
def test_equimod_and_sen_match_the_slow_version(group):
    batch = make_batch(9)
    h, h2 = array(batch.views.flatten(2))
    action = array(batch.given)[:, ENTRIES[group]]
    equimod = make("equimod", group, projector=[16, 5])
    parts = equimod.loss(batch, torch.Generator()).minimised
    u, v = (slow_project(equimod.invariant_projector, x) for x in (h, h2))
    z, z2 = (slow_project(equimod.equivariant_projector, x) for x in (h, h2))
    moved = slow_linear_predictor(equimod.predictor, z, action)
    assert float(parts["invariant"].detach()) == pytest.approx(slow_info_nce(u, v, 0.1), rel=1e-4)
    assert float(parts["equivariant"].detach()) == pytest.approx(slow_info_nce(moved, z2, 0.1), rel=1e-4)
    sen = make("sen", group, projector=[16, 5])
    z, z2 = (slow_project(sen.projector, x) for x in (h, h2))
    moved = slow_linear_predictor(sen.predictor, z, action)
    loss = sen.loss(batch, torch.Generator()).minimised
    assert set(loss) == {"equivariant"}
    assert float(loss["equivariant"].detach()) == pytest.approx(slow_info_nce(moved, z2, 0.1), rel=1e-4)


@pytest.mark.parametrize("group", ["rotation", "color"])
def test_sie_matches_the_slow_version(group):
    batch, sie = make_batch(9), make("sie", group, projector=[16, 5])
    h, h2 = array(batch.views.flatten(2))
    action = array(batch.given)[:, ENTRIES[group]]
    inv, inv2 = (slow_project(sie.invariant_projector, x[:, :6]) for x in (h, h2))
    eq, eq2 = (slow_project(sie.equivariant_projector, x[:, 6:]) for x in (h, h2))
    moved = slow_hyper_predictor(sie.predictor, eq, action)
    whole, whole2 = np.hstack([inv, eq]), np.hstack([inv2, eq2])
    expected = {
        "invariance": 10 * ((inv - inv2) ** 2).mean(),
        "equivariance": 4.5 * ((moved - eq2) ** 2).mean(),
        "variance": 10 * (variance(whole) + variance(whole2)) / 2 + 10 * variance(moved) / 2,
        "covariance": covariance(whole) + covariance(whole2),
    }
    parts = sie.loss(batch, torch.Generator()).minimised
    assert {name: float(part.detach()) for name, part in parts.items()} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["simclr+", "vicreg+"])
def test_methods_without_actions_match_the_slow_version_and_ignore_actions(name):
    batch = make_batch(8)
    method = make(name, width=16, block_tokens=8, output_dim=6, init_std=0.09)
    parts = method.loss(batch, torch.Generator().manual_seed(3)).minimised
    masks = draw_context_mask(8, 3, 0.9, torch.Generator().manual_seed(3))
    outputs = []
    for begin in (0, 4):
        tokens = [batch.views[view, i].flatten() for i in range(begin, begin + 4) for view in (0, 1)]
        outputs.append(method.predictor(torch.stack(tokens)[None], torch.zeros(1, 8, 0), masks)[0])
    both = array(torch.cat(outputs))
    first, second = both[::2], both[1::2]
    if name == "simclr+":
        expected = {"contrastive": slow_info_nce(first, second, 0.1, 1e-7)}
        assert slow_info_nce(first, second, 0.1) != pytest.approx(expected["contrastive"], rel=1e-3)
    else:
        expected = {
            "invariance": 10 * ((first - second) ** 2).mean(),
            "variance": 10 * (variance(first) + variance(second)) / 2,
            "covariance": covariance(first) + covariance(second),
        }
    assert {key: float(part.detach()) for key, part in parts.items()} == pytest.approx(expected, rel=1e-4)
    batch.given[:] = 7.0
    again = method.loss(batch, torch.Generator().manual_seed(3)).minimised
    assert all(torch.equal(parts[key], again[key]) for key in parts)


def test_a_predictor_reads_its_group_only():
    batch, sie = make_batch(6), make("sie", "color", projector=[16, 5])
    z = torch.randn(6, 5)
    before = sie.predict(z, batch.given)
    batch.given[:, :4] += 1
    assert torch.equal(before, sie.predict(z, batch.given))
    batch.given[:, 4:] += 1
    assert not torch.equal(before, sie.predict(z, batch.given))
