"""Linear classifiers on frozen features: against torch's own optimisers, scikit-learn, and slow loops."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, top_k_accuracy_score
from torch import nn
from torch.nn import functional as F

from workflow_scripts.evaluation import linear
from workflow_scripts.evaluation.linear import fit_linear, rank_truth, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator

pytestmark = pytest.mark.golden
CPU = torch.device("cpu")
PURPOSE = (3, "test")


def draw(count=50, width=6, classes=4, seed=0):
    """Features of classes that overlap, of very different scales."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=count)
    centres = random.normal(size=(classes, width))
    features = centres[labels] + random.normal(size=(count, width))
    return (features * np.geomspace(0.1, 10, width) + 3).astype(np.float32), labels


def learn_slowly(features, labels, classes, settings):
    """The same classifier by torch's modules, optimisers and schedules."""
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    if settings.standardise:
        x = (x - x.mean(dim=0)) / x.std(dim=0, correction=0)
    model = nn.Linear(x.shape[1], classes)
    start = torch.randn(classes, x.shape[1], generator=torch_generator(*PURPOSE, "linear start"))
    model.weight.data, model.bias.data = 0.01 * start, torch.zeros(classes)
    options = {"sgd": (torch.optim.SGD, {"momentum": settings.momentum}), "adam": (torch.optim.Adam, {})}
    optimizer, extra = options[settings.optimizer]
    update = optimizer(model.parameters(), lr=settings.lr, **extra)
    schedule = torch.optim.lr_scheduler.MultiStepLR(update, list(settings.milestones), settings.factor)
    for epoch in range(settings.epochs):
        order = torch.randperm(len(x), generator=torch_generator(*PURPOSE, "linear order", epoch))
        for chosen in order.split(settings.batch):
            update.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            update.step()
        schedule.step()
    return model(x)


@pytest.mark.parametrize(
    "settings",
    [
        LinearSettings(epochs=6, batch=16, lr=0.5, milestones=(2, 4), standardise=True),
        LinearSettings(epochs=5, batch=64, lr=0.01, milestones=(3,), factor=0.3),
        LinearSettings(optimizer="adam", epochs=6, batch=16, lr=0.03, milestones=(4,), standardise=True),
    ],
)
def test_it_learns_as_the_optimisers_of_torch_do(settings):
    features, labels = draw()
    expected = learn_slowly(features, labels, 4, settings).detach()
    found = fit_linear(features, labels, 4, settings, CPU, *PURPOSE).scores(features)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    other = fit_linear(features, labels, 4, LinearSettings(epochs=6, batch=16, lr=0.5), CPU, *PURPOSE)
    assert not torch.allclose(other.scores(features), expected, atol=1e-2)  # so that the line above could fail


def test_in_the_end_it_is_logistic_regression():
    features, labels = draw(400)
    settings = LinearSettings(epochs=300, batch=400, lr=0.5, milestones=(), standardise=True)
    model = fit_linear(features, labels, 4, settings, CPU, 0, "test")
    best = LogisticRegression(C=np.inf, max_iter=2000).fit(features, labels)
    found = model.scores(features).softmax(dim=1).double().numpy()
    optimum = log_loss(labels, best.predict_proba(features))
    assert 0.1 < optimum < 1  # neither trivial nor hopeless
    assert log_loss(labels, found / found.sum(axis=1, keepdims=True)) == pytest.approx(optimum, abs=1e-3)


def test_weights_are_in_units_of_standardised_features():
    features, labels = draw()
    features[:, 2] = 7  # never varies
    model = fit_linear(features, labels, 4, LinearSettings(epochs=1, lr=0.1, standardise=True), CPU, 0, "test")
    units = model.standardise(features)
    spread = features.std(axis=0)
    spread[2] = 1
    np.testing.assert_allclose(units, (features - features.mean(axis=0)) / spread, atol=1e-5)
    torch.testing.assert_close(model.scores(features), units @ model.weight.T + model.bias)
    plain = fit_linear(features, labels, 4, LinearSettings(epochs=1, lr=0.1), CPU, 0, "test")
    np.testing.assert_array_equal(plain.standardise(features), features)


def test_so_many_steps_are_taken(monkeypatch):
    rates = []
    monkeypatch.setattr(linear._Descent, "__call__", lambda self, lr, gradients: rates.append(lr))
    features, labels = draw(50)
    base = LinearSettings(batch=16, epochs=3, lr=1.0, milestones=(1, 2))
    fit_linear(features, labels, 4, base, CPU, 0, "test")
    assert rates == pytest.approx([1.0] * 4 + [0.1] * 4 + [0.01] * 4)
    rates.clear()
    fit_linear(features, labels, 4, LinearSettings(batch=16, steps=6, lr=1.0, milestones=(1,)), CPU, 0, "test")
    assert rates == pytest.approx([1.0] * 4 + [0.1] * 2)


def test_each_image_is_seen_once_an_epoch():
    batches = list(linear._draw_batches(50, LinearSettings(epochs=2, batch=16), 0, "test"))
    assert [len(chosen) for _, chosen in batches] == [16, 16, 16, 2] * 2
    first, second = (torch.cat([chosen for _, chosen in batches[i : i + 4]]).tolist() for i in (0, 4))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_the_same_draws_are_the_same_to_the_last_bit():
    features, labels = draw()
    settings = LinearSettings(epochs=3, batch=16, lr=0.1)
    first, second, other = (fit_linear(features, labels, 4, settings, CPU, s, "test").weight for s in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_equal_features_are_not_fitted():
    labels = np.repeat([2, 0, 1, 3], [5, 3, 2, 1])
    model = fit_linear(np.ones((11, 7), dtype=np.float32), labels, 5, LinearSettings(), CPU, 0, "test")
    scores = model.scores(np.ones((1, 7), dtype=np.float32))
    assert scores[0].argsort(descending=True).tolist() == [2, 0, 1, 3, 4]
    even = np.repeat(np.arange(4), 6)
    guess = fit_linear(np.zeros((24, 3), dtype=np.float32), even, 4, LinearSettings(), CPU, 0, "test")
    assert share_within(rank_truth(guess.scores(np.zeros((24, 3), dtype=np.float32)), even), 1) == 25


def test_ranks_are_those_of_a_slow_loop():
    random = np.random.default_rng(0)
    scores, labels = torch.from_numpy(random.integers(0, 4, (60, 7))).float(), random.integers(7, size=60)
    expected = [
        sorted(range(7), key=lambda k, row=row: (-row[k], k)).index(label)
        for row, label in zip(scores.tolist(), labels.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(rank_truth(scores, labels), expected)
    different = random.normal(size=(200, 9)).astype(np.float32)
    truth = random.integers(9, size=200)
    ranks = rank_truth(torch.from_numpy(different), truth)
    for most in (1, 5):
        expected = 100 * top_k_accuracy_score(truth, different, k=most, labels=range(9))
        assert share_within(ranks, most) == pytest.approx(expected)


def test_features_that_no_rate_suits_are_one_sentence():
    features, labels = draw()
    features[0, 0] = np.inf
    with pytest.raises(UserError, match="diverged; lower the `lr`"):
        fit_linear(features, labels, 4, LinearSettings(epochs=1), CPU, 0, "test")
