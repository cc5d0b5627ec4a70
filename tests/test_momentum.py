"""Momentum contrast: against the pseudo-code of the paper, step by step; its queue, its slow weights, a resume."""

import copy

import pytest
import torch
from batches import SPACE, TASK, Flatten, make_batch
from torch.nn import functional as F

from workflow_scripts.methods.base import make_method

pytestmark = pytest.mark.unit
SMALL = {"hidden": 6, "width": 4, "temperature": 0.3, "momentum": 0.7, "queue": 8}


class Normalised(Flatten):
    """Features that depend on the batch, as BatchNorm's do."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = torch.nn.Linear(12, 12), torch.nn.BatchNorm1d(12)

    def forward(self, inputs):
        return self.norm(self.layer(inputs.flatten(1)))


def make_moco(encoder=None, **changes):
    return make_method("moco", {**SMALL, **changes}, encoder or Normalised(), TASK, seed=3)


def step(method, optimizer, batch, number):
    loss = method.loss(batch, torch.Generator().manual_seed(number))
    optimizer.zero_grad()
    sum(loss.minimised.values()).backward()
    optimizer.step()
    with torch.no_grad():
        method.after_step()
    return loss.minimised


def test_steps_are_those_of_the_pseudo_code():
    """He et al. 2020, algorithm 1: the slow network moves first, then keys, loss, step, enqueue and dequeue."""
    torch.manual_seed(0)
    method = make_moco()
    fast = torch.nn.Sequential(copy.deepcopy(method.encoder), copy.deepcopy(method.heads[0]))
    slow, queue = copy.deepcopy(fast), [key.clone() for key in method.queues[0]]
    own, other = torch.optim.SGD(method.encoder.parameters(), 0.5), torch.optim.SGD(fast.parameters(), 0.5)
    own.add_param_group({"params": method.heads.parameters()})
    for number in range(7):
        batch = make_batch(3, seed=number)
        ours = step(method, own, batch, number)["contrastive"].item()
        if number:
            for late, early in zip(slow.parameters(), fast.parameters(), strict=True):
                late.data = 0.7 * late.data + 0.3 * early.data
        queries = F.normalize(fast(batch.views[0]), dim=1)
        keys = F.normalize(slow(batch.views[1]), dim=1).detach()
        losses = []
        for q, k in zip(queries, keys, strict=True):
            logits = torch.stack([q @ k, *(q @ negative for negative in queue)]) / 0.3
            losses.append(-torch.log(logits[0].exp() / logits.exp().sum()))
        loss = torch.stack(losses).mean()
        assert ours == pytest.approx(loss.item(), abs=1e-5)
        other.zero_grad()
        loss.backward()
        other.step()
        queue[(3 * number) % 8], queue[(3 * number + 1) % 8], queue[(3 * number + 2) % 8] = keys
    torch.testing.assert_close(method.queues[0], torch.stack(queue), atol=1e-5, rtol=0)
    for ours, theirs in zip(method.encoder.parameters(), fast[0].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_the_queue_holds_the_latest_keys_in_their_order():
    method = make_moco(queue=5)
    noise, keys = method.queues.clone(), torch.arange(32.0).view(1, 8, 4)
    torch.testing.assert_close(noise.norm(dim=2), torch.ones(1, 5))
    held = []
    for start, stop in ((0, 2), (2, 4), (4, 6), (6, 8)):
        method.keep(keys[:, start:stop])
        method.after_step()
        held.append(method.queues[0, :, 0].tolist())
    first = noise[0, :, 0].tolist()
    assert held == [[0, 4, *first[2:]], [0, 4, 8, 12, first[4]], [20, 4, 8, 12, 16], [20, 24, 28, 12, 16]]
    method.keep(torch.arange(28.0).view(1, 7, 4))  # more than it holds: the last ones stay
    method.after_step()
    assert sorted(method.queues[0, :, 0].tolist()) == [8, 12, 16, 20, 24]


def test_slow_weights_follow_and_learn_nothing_themselves():
    torch.manual_seed(1)
    method = make_moco()
    before = [parameter.clone() for parameter in method.slow_heads.parameters()]
    with torch.no_grad():
        for parameter in method.heads.parameters():
            parameter.add_(torch.randn_like(parameter))
    method.loss(make_batch(4), torch.Generator()).minimised["contrastive"].backward()
    frozen = (method.slow_encoder, method.slow_heads, method.untrained)
    assert all(parameter.grad is None for module in frozen for parameter in module.parameters())
    method.after_step()
    for old, slow, fast in zip(before, method.slow_heads.parameters(), method.heads.parameters(), strict=True):
        torch.testing.assert_close(slow, 0.7 * old + 0.3 * fast)


def test_keys_are_shuffled_and_come_back_in_order():
    """A row's key is its own, whatever order the slow encoder saw; the order is the generator's alone."""
    method, batch = make_moco(), make_batch(6)
    seen = []
    method.slow_encoder.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].flatten(1)))
    keys = method.embed_keys(batch, torch.Generator().manual_seed(0))
    method.embed_keys(batch, torch.Generator().manual_seed(0))
    rows = batch.views[1].flatten(1)
    assert not torch.equal(seen[0], rows)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0].sort(dim=0).values, rows.sort(dim=0).values)
    alone = method.slow_encoder(batch.views[1])
    expected = F.normalize(method.slow_heads[0](alone), dim=1)
    torch.testing.assert_close(keys[0, 0], expected, atol=1e-6, rtol=1e-5)


def test_query_and_key_share_what_is_asked_for():
    assert make_moco().sharing() == (frozenset(), frozenset())
    assert make_moco(shared=["rotation"]).sharing() == (frozenset(), frozenset(["rotation"]))
    assert set(SPACE.groups) == {"rotation", "color"}


def test_readouts_are_as_wide_as_they_say():
    method = make_moco().eval()
    found = method.embeddings(torch.randn(5, 12))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "z_all": (5, 4),
        "hidden": (5, 6),
        "untrained": (5, 6),
    }
    torch.testing.assert_close(found["z_all"].norm(dim=1), torch.ones(5))


@pytest.mark.parametrize("name", ["moco", "looc"])
def test_a_resumed_training_is_the_unbroken_one(name):
    """What a checkpoint holds is all that a step depends on: weights, slow weights, queues and means are the same."""

    def make():
        torch.manual_seed(9)
        method = make_method(name, SMALL, Normalised(), TASK, seed=3)
        return method, torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.1, momentum=0.9)

    def run(method, optimizer, numbers):
        for number in numbers:
            batch = make_batch(4, seed=number)
            batch.views = torch.cat([batch.views, make_batch(4, seed=100 + number).views])[: len(method.sharing())]
            batch.states = batch.states[[0, 1, 0, 1]][: len(method.sharing())]
            step(method, optimizer, batch, number)

    whole, optimizer = make()
    run(whole, optimizer, range(6))
    first, optimizer = make()
    run(first, optimizer, range(3))
    again, fresh = make()
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    run(again, fresh, range(3, 6))
    for (key, one), (_, other) in zip(whole.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(one, other), key
