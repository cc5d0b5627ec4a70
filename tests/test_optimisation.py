"""Optimisers and schedules of training against their formulas."""

import dataclasses

import pytest
import torch

from workflow_scripts.training.batches import BatchOrder
from workflow_scripts.training.optimisation import learning_rate, make_optimizer
from workflow_scripts.training.settings import Cosine, Training

pytestmark = pytest.mark.golden


def test_learning_rate_by_hand():
    training = {"lr": 2.0, "steps": 14, "schedule": {"kind": "cosine", "warmup_steps": 4, "floor": 0.0}}
    rates = [learning_rate(step, training) for step in range(14)]
    assert rates[:5] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert rates[9] == pytest.approx(1.0)  # half of the cosine
    assert 0 < rates[13] < 0.1
    training["schedule"]["floor"] = 0.25
    assert learning_rate(9, training) == pytest.approx(0.5 + 0.75)  # half way from 2 to .5
    assert 0.5 < learning_rate(13, training) < 0.6


def test_steps_fall_at_their_milestones():
    schedule = {"kind": "steps", "warmup_steps": 2, "milestones": [5, 8], "factor": 0.2}
    rates = [learning_rate(step, {"lr": 1.0, "steps": 10, "schedule": schedule}) for step in range(10)]
    assert rates == pytest.approx([0, 0.5, 1, 1, 1, 0.2, 0.2, 0.2, 0.04, 0.04])


def test_the_schedule_of_the_defaults_is_the_authors():
    training = {**dataclasses.asdict(Training()), "lr": 1e-4, "schedule": dataclasses.asdict(Cosine())}
    training["schedule"]["kind"] = "cosine"
    order = BatchOrder(41_920, training["batch"], 0, training["last_batch"] == "keep", 64)
    assert training["steps"] == 1000 * order.batches_per_epoch == 82_000
    assert training["schedule"]["warmup_steps"] == 10 * order.batches_per_epoch
    rates = [learning_rate(step, training) for step in (0, 1, 410, 820, 41_410, 82_000)]
    assert rates == pytest.approx([0, 1e-4 / 820, 5e-5, 1e-4, 5e-5, 0], abs=1e-15)


OPTIMIZERS = {
    "adam": {"betas": [0.8, 0.95], "weight_decay": 0.1},
    "adamw": {"betas": [0.8, 0.95], "weight_decay": 0.1},
    "sgd": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
}


def slow_step(kind, own, w, g, state, t, lr):
    """One step by the formulas of Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019), Nesterov's SGD."""
    decay = own["weight_decay"]
    if kind == "sgd":
        g = g + decay * w
        state["v"] = own["momentum"] * state.get("v", 0) + g
        return w - lr * (g + own["momentum"] * state["v"])
    w, g = (w * (1 - lr * decay), g) if kind == "adamw" else (w, g + decay * w)
    first, second = own["betas"]
    state["m"] = first * state.get("m", 0) + (1 - first) * g
    state["s"] = second * state.get("s", 0) + (1 - second) * g**2
    return w - lr * (state["m"] / (1 - first**t)) / ((state["s"] / (1 - second**t)) ** 0.5 + 1e-8)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimisers_match_their_formulas(kind):
    model = torch.nn.Linear(3, 1, bias=False, dtype=torch.float64)
    frozen = torch.nn.Linear(3, 1)
    frozen.requires_grad_(False)
    training = {"lr": 0.1, "optimizer": {"kind": kind, **OPTIMIZERS[kind]}}
    optimizer = make_optimizer(torch.nn.Sequential(model, frozen), training, torch.device("cpu"))
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 1  # nothing without a gradient
    expected, state, inputs = model.weight.detach().clone(), {}, torch.randn(3, dtype=torch.float64)
    for t in range(1, 6):
        gradient = torch.autograd.grad(model(inputs).pow(2).sum(), model.weight)[0]
        model.weight.grad = gradient
        optimizer.step()
        expected = slow_step(kind, OPTIMIZERS[kind], expected, gradient, state, t, 0.1)
        torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-10, atol=0)
