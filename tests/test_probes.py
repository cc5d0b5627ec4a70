"""Probes: a batched probe equals separate ones, finds what is there, and nothing where nothing is."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch.nn import functional as F

from workflow_scripts.data.actions import difference
from workflow_scripts.evaluation.fitting import Moments, fit_probe, predict, solve_probe
from workflow_scripts.evaluation.metrics import r2_per_component, top1
from workflow_scripts.evaluation.probes import (
    Bank,
    Flat,
    draw_view_pairs,
    probe_class,
    probe_context_labels,
    probe_individual,
    probe_relative,
)
from workflow_scripts.evaluation.settings import ProbeSettings

pytestmark = pytest.mark.golden
LINEAR = ProbeSettings(hidden=[], steps=3000, lr=5e-3, batch=1024)


def make_bank(seed, mixing, noise=0.0, objects=200, views=5):
    """Embeddings that are a linear function of 2 state entries, on the unit sphere so that none is lost."""
    random = np.random.default_rng(seed)
    states = torch.from_numpy(random.uniform(-0.3, 0.3, size=(objects, views, 2))).float()
    values = torch.stack([torch.cat([states @ m, torch.ones(objects, views, 1)], dim=-1) for m in mixing])
    values += noise * torch.from_numpy(random.normal(size=values.shape)).float()
    return Bank(values, states, torch.from_numpy(random.integers(4, size=objects)))


def mixing(seed=0):
    return list(torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(seed)) / 2)


@pytest.mark.parametrize("unit", [True, False])
def test_linear_probe_is_the_least_squares_of_all_pairs(unit):
    """Of embeddings as they are, or at length 1."""
    banks = (make_bank(seed, mixing(), 0.05, objects=40, views=6) for seed in (0, 1))
    train, test = (dataclasses.replace(bank, values=3 * bank.values, unit=unit) for bank in banks)
    result = probe_relative(train, {"test": test}, difference, slice(0, 2), range(1, 6), LINEAR, 2000, seed=0)
    truth, predicted = result["test"]
    pairs = [(i, a, b) for i in range(40) for a, b in itertools.permutations(range(1, 6), 2)]
    chosen, first, second = draw_view_pairs(40, range(1, 6), 2000, 0, "test pairs")
    test_pairs = list(zip(chosen.tolist(), first.tolist(), second.tolist(), strict=True))

    def read(bank, pairs, model):
        z = bank.values[model].numpy()
        z = z / np.linalg.norm(z, axis=-1, keepdims=True) if unit else z
        inputs = np.stack([np.concatenate([z[i, a], z[i, b]]) for i, a, b in pairs])
        return inputs, np.stack([bank.states[i, b].numpy() - bank.states[i, a].numpy() for i, a, b in pairs])

    for model in range(2):
        exact = LinearRegression().fit(*read(train, pairs, model))
        inputs, target = read(test, test_pairs, model)
        np.testing.assert_allclose(truth, target, atol=1e-6)
        np.testing.assert_allclose(predicted[model], exact.predict(inputs), atol=1e-4)
    assert r2_per_component(truth, predicted[0]) > 0.5


@pytest.mark.parametrize("read", ["relative", "individual"])
def test_a_linear_probe_learnt_by_adam_finds_the_exact_one(read):
    train, test = (make_bank(seed, mixing(), 0.05, objects=100) for seed in (0, 1))
    learnt = ProbeSettings(hidden=[], steps=4000, lr=1e-2, batch=512, solver="adam")
    found = {}
    for settings in (LINEAR, learnt):
        if read == "relative":
            given = (difference, slice(0, 2), range(5), settings, 1000, 0)
            truth, found[settings.solver] = probe_relative(train, {"test": test}, *given)["test"]
        else:
            truth, found[settings.solver] = probe_individual(
                train, {"test": test}, slice(0, 2), range(5), settings, seed=0
            )["test"]
    for exact, adam in zip(found["exact"], found["adam"], strict=True):
        assert r2_per_component(truth, adam) == pytest.approx(r2_per_component(truth, exact), abs=0.01)
        assert not np.allclose(adam, exact, atol=1e-6)  # it was not solved
    assert r2_per_component(truth, found["exact"][0]) > 0.5


def test_one_pair_of_each_object():
    chosen, first, second = draw_view_pairs(500, range(2, 6), None, 0)
    assert chosen.tolist() == list(range(500))
    assert (first != second).all()
    assert set(first.tolist()) == set(second.tolist()) == {2, 3, 4, 5}
    train, test = make_bank(0, mixing(), objects=40), make_bank(1, mixing(), objects=30)
    truth, predicted = probe_relative(train, {"test": test}, difference, slice(0, 2), range(5), LINEAR, None, 0)["test"]
    assert truth.shape == (30, 2) == predicted.shape[1:]
    _, first, second = draw_view_pairs(30, range(5), None, 0, "test pairs")
    expected = [test.states[i, b] - test.states[i, a] for i, (a, b) in enumerate(zip(first, second, strict=True))]
    np.testing.assert_allclose(truth, torch.stack(expected), atol=1e-6)


def test_adam_is_the_optimiser_of_torch():
    """The same function of torch's that its class calls; checked against the class, which it stands in for."""
    settings = ProbeSettings(hidden=[8], steps=30, lr=1e-2, batch=32)
    batches = [(torch.randn(1, 32, 6), torch.randn(32, 2)) for _ in range(30)]
    ours = fit_probe(iter(batches), 2, settings, 0, "t")
    theirs = fit_probe(iter(batches[:1]), 2, ProbeSettings([8], 0, 0.0, 32), 0, "t")  # a step of rate 0: as it began
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-2)
    for inputs, target in batches:
        optimizer.zero_grad()
        F.mse_loss(theirs(inputs), target[None]).backward()
        optimizer.step()
    for mine, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)


def test_batched_probes_equal_separate_ones():
    settings = ProbeSettings(hidden=[8], steps=40, lr=1e-2, batch=32)
    inputs, target = torch.randn(3, 32, 6), torch.randn(32, 2)
    together = predict(fit_probe(iter([(inputs, target)] * 40), 2, settings, 0, "t"), [inputs])
    for model in range(3):
        one = inputs[model : model + 1]
        alone = predict(fit_probe(iter([(one, target)] * 40), 2, settings, 0, "t"), [one])
        np.testing.assert_allclose(together[model], alone[0], atol=1e-5, rtol=1e-5)


def test_class_probe_agrees_with_logistic_regression(random):
    centres = torch.from_numpy(random.normal(size=(4, 3))).float()

    def bank(seed):
        generator = np.random.default_rng(seed)
        labels = torch.from_numpy(generator.integers(4, size=300))
        noise = torch.from_numpy(generator.normal(size=(1, 300, 2, 3))).float()
        return Bank(centres[labels][None, :, None] + noise, torch.zeros(300, 2, 1), labels)

    train, test = bank(0), bank(1)
    truth, predicted = probe_class(train, {"test": test}, range(2), 4, LINEAR, seed=0)["test"]
    exact = LogisticRegression(C=1e6, max_iter=2000).fit(
        train.values[0].flatten(0, 1).numpy(), train.labels.repeat_interleave(2).numpy()
    )
    reference = top1(truth, exact.predict(test.values[0].flatten(0, 1).numpy()))
    assert top1(truth, predicted[0]) == pytest.approx(reference, abs=2.0)
    assert 40 < reference < 90


def test_constant_embeddings_score_the_floor():
    train, test = make_bank(0, mixing()), make_bank(1, mixing())
    constant = [Bank(torch.ones(1, 200, 5, 1), bank.states, bank.labels) for bank in (train, test)]
    settings = ProbeSettings(hidden=[4], steps=5, lr=1e-3, batch=16)
    result = probe_relative(constant[0], {"test": constant[1]}, difference, slice(0, 2), range(5), settings, 5000, 0)
    truth, predicted = result["test"]
    assert np.ptp(predicted[0], axis=0).max() == 0
    assert r2_per_component(truth, predicted[0]) == pytest.approx(0, abs=0.005)
    truth, classes = probe_class(constant[0], {"test": constant[1]}, range(5), 4, settings, 0)["test"]
    frequent = np.bincount(train.labels.numpy()).argmax()
    assert top1(truth, classes[0]) == pytest.approx(100 * np.mean(truth == frequent))


def test_pairs_are_of_different_views_within_the_range():
    chosen, first, second = draw_view_pairs(10, range(1, 4), 3000, 0)
    assert (first != second).all()
    assert set(first.tolist()) == set(second.tolist()) == {1, 2, 3}
    assert set(chosen.tolist()) == set(range(10))
    counts = np.histogram2d(first.numpy(), second.numpy(), bins=3)[0]
    assert counts[~np.eye(3, dtype=bool)].min() > 400  # six ordered pairs, 500 each on average


def test_individual_probe_agrees_with_least_squares():
    train, test = make_bank(0, mixing(), 0.05), make_bank(1, mixing(), 0.05)
    result = probe_individual(train, {"test": test}, slice(0, 2), range(1, 5), LINEAR, seed=0)
    truth, predicted = result["test"]
    assert truth.shape == (200 * 4, 2)
    for model, values in enumerate(predicted):
        x, x_test = (bank.values[model, :, 1:5].flatten(0, 1).numpy() for bank in (train, test))
        exact = LinearRegression().fit(x, train.states[:, 1:5].flatten(0, 1).numpy()).predict(x_test)
        assert r2_per_component(truth, values) == pytest.approx(r2_per_component(truth, exact), abs=1e-4)


def test_solved_probes_are_those_of_scikit_learn(random):
    inputs = torch.from_numpy(random.normal(size=(2, 500, 6))).float()
    inputs[1, :, 5] = inputs[1, :, 4]  # directions without any variation get no weight
    target = inputs[0] @ torch.from_numpy(random.normal(size=(6, 3))).float() + torch.randn(500, 3) + 7
    probe = solve_probe(map(Moments.of, inputs.split(120, dim=1), target.split(120)))
    for model in range(2):
        exact = LinearRegression().fit(inputs[model].double(), target.double())
        found = predict(probe, inputs.split(300, dim=1))[model]
        np.testing.assert_allclose(found, exact.predict(inputs[model].double()), atol=1e-4, rtol=1e-4)


def test_banks_are_read_where_they_are():
    """As if some views of all were one array, which would be a copy of them: here of 20 TB."""
    banks = [make_bank(seed, mixing(), objects=7) for seed in (0, 1)]
    banks[1] = dataclasses.replace(banks[1], values=banks[1].values.half())
    whole = torch.cat([bank.values[:, :, 1:4].flatten(1, 2).float() for bank in banks], dim=1)
    flat = Flat(banks, range(1, 4), torch.arange(42))
    chosen = torch.randperm(42, generator=torch.Generator().manual_seed(0))
    assert torch.equal(flat.take(chosen), whole[:, chosen])
    (inputs, targets), *others = flat.parts()
    assert torch.equal(inputs, whole)
    assert torch.equal(targets, torch.arange(42))
    assert not others
    objects = 10**8
    huge = Bank(torch.ones(1, 1, 1, 1).expand(1, objects, 50, 1000), torch.zeros(1), torch.zeros(1).expand(objects))
    assert Flat([huge, huge], range(50), torch.zeros(1)).take(torch.tensor([0, 60 * objects])).sum() == 2000


def test_context_labels_need_embeddings_that_show_the_context():
    """Embeddings that hold class and latent: with a sign of the context almost all is right, without at most half."""
    random = np.random.default_rng(0)

    def banks(seed, shown):
        own = np.random.default_rng(seed)
        labels = own.integers(4, size=300)
        states = own.uniform(-1, 1, size=(300, 3, 2)).astype(np.float32)
        classes = np.repeat(np.eye(4)[labels][:, None], 3, axis=1)
        bins = np.eye(8)[np.clip(((states[..., 1] + 1) * 4).astype(int), 0, 7)]
        noise = 0.01 * random.normal(size=(2, 300, 3, 1))
        values = []
        for context in (0, 1):
            flags = np.full((300, 3, 2), 2.0 * np.eye(2)[context] * shown)
            values.append(np.concatenate([classes, bins, flags, noise[context]], axis=-1)[None].astype(np.float32))
        return tuple(Bank(torch.from_numpy(v), torch.from_numpy(states), torch.from_numpy(labels)) for v in values)

    settings = ProbeSettings(hidden=[], steps=2500, lr=2e-2, batch=256)
    for shown in (True, False):
        found = probe_context_labels(banks(1, shown), {"test": banks(2, shown)}, 1, 4, settings, seed=0)
        truth, predicted = found["test"]
        assert predicted.shape == (1, 2 * 300 * 3) == (1, len(truth))
        assert set(truth[: 300 * 3]) == {0, 1, 2, 3}
        assert set(truth[300 * 3 :]) == set(range(4, 12))
        accuracy = top1(truth, predicted[0])
        assert accuracy > 90 if shown else accuracy < 60
