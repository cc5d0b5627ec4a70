"""BatchNorm of a batch in parts, against one BatchNorm for each part; the ResNet-18 that is made of it."""

import copy

import pytest
import torch
from torch import nn

from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.models.split_norm import SplitBatchNorm2d, count_parts, split_norms

pytestmark = pytest.mark.golden
FORMATS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


def make_pair(splits, channels=5):
    """A split one, and a plain one for each part, with the same random weights and running statistics."""
    plain = nn.BatchNorm2d(channels)
    for tensor in (plain.weight.data, plain.bias.data, plain.running_mean):
        nn.init.normal_(tensor)
    nn.init.uniform_(plain.running_var, 0.5, 2)
    split = SplitBatchNorm2d(channels, splits)
    split.load_state_dict(plain.state_dict())
    return split, [copy.deepcopy(plain) for _ in range(splits)]


def draw_inputs(count, channels=5, memory=torch.contiguous_format):
    """Images whose mean and spread differ from one to the next, so that parts differ, too."""
    inputs = torch.randn(count, channels, 3, 4) * torch.rand(count, 1, 1, 1) + torch.randn(count, 1, 1, 1)
    return inputs.to(memory_format=memory).requires_grad_()


@pytest.mark.parametrize("memory", FORMATS)
@pytest.mark.parametrize(("count", "splits"), [(24, 8), (12, 3), (10, 1), (16, 8)])
def test_parts_are_normalised_as_by_one_batchnorm_each(count, splits, memory):
    torch.manual_seed(count + splits)
    split, plain = make_pair(splits)
    start = {name: value.clone() for name, value in split.state_dict().items()}
    for _ in range(2):
        inputs = draw_inputs(count, memory=FORMATS[memory])
        parts = inputs.detach().chunk(splits)
        others = [part.clone().requires_grad_() for part in parts]
        output = split(inputs)
        expected = torch.cat([norm(part) for norm, part in zip(plain, others, strict=True)])
        weights = torch.randn_like(expected)
        for module in (split, *plain):
            module.zero_grad()
        (output * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
        gradient = torch.cat([other.grad for other in others])
        torch.testing.assert_close(inputs.grad, gradient, atol=1e-5, rtol=1e-5)
        for name in ("weight", "bias"):
            total = sum(getattr(norm, name).grad for norm in plain)
            torch.testing.assert_close(getattr(split, name).grad, total, atol=1e-4, rtol=1e-5)
        for name in ("running_mean", "running_var"):
            mean = torch.stack([getattr(norm, name) for norm in plain]).mean(0)
            torch.testing.assert_close(getattr(split, name), mean, atol=1e-6, rtol=1e-6)
            assert not torch.allclose(mean, start[name], atol=1e-3)
            for norm in plain:  # all go on from what they follow together
                getattr(norm, name).copy_(mean)
    assert int(split.num_batches_tracked) == 2
    if splits > 1:
        whole = nn.BatchNorm2d(5)
        whole.load_state_dict(start)
        assert not torch.allclose(split(inputs), whole(inputs), atol=0.1)


def test_evaluation_normalises_by_the_running_statistics():
    split, (plain, *_) = make_pair(4)
    inputs, before = draw_inputs(7), copy.deepcopy(split.state_dict())
    assert torch.equal(split.eval()(inputs), plain.eval()(inputs))
    assert all(torch.equal(value, before[name]) for name, value in split.state_dict().items())


@pytest.mark.parametrize(
    ("images", "splits", "parts"),
    [
        *((512, 8, 8), (336, 8, 8), (100, 8, 5), (16, 8, 8), (15, 8, 5), (14, 8, 7), (8, 8, 4), (13, 8, 1)),
        *((4, 8, 2), (3, 8, 1), (2, 8, 1), (1, 8, 1), (512, 1, 1)),
    ],
)
def test_a_batch_that_cannot_be_split_so_is_split_into_fewer(images, splits, parts):
    assert count_parts(images, splits) == parts
    if images > 1:
        torch.manual_seed(0)
        split, plain = make_pair(splits)
        inputs = draw_inputs(images)
        expected = torch.cat([norm(part) for norm, part in zip(plain, inputs.chunk(parts), strict=False)])
        torch.testing.assert_close(split(inputs), expected, atol=1e-5, rtol=1e-5)


def test_every_batchnorm_of_the_network_is_split():
    encoder = make_encoder({"kind": "split_resnet18", "splits": 4}, 32, False, 0)
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 20
    assert {(type(norm), norm.splits) for norm in norms} == {(SplitBatchNorm2d, 4)}


def test_network_is_the_resnet18_on_each_part():
    """It starts from the same weights; evaluated, or of each half of a batch, it computes the same."""
    split, plain = (
        make_encoder({"kind": kind, "stem": "cifar", **more}, 16, False, 3)
        for kind, more in (("split_resnet18", {"splits": 2}), ("resnet18", {}))
    )
    for (name, own), (_, other) in zip(split.state_dict().items(), plain.state_dict().items(), strict=True):
        assert torch.equal(own, other), name
    parts = torch.randn(2, 3, 3, 16, 16)
    with torch.no_grad():
        expected = torch.cat([copy.deepcopy(plain)(part) for part in parts])
        assert not torch.allclose(plain(parts.flatten(0, 1)), expected, atol=0.05)
        torch.testing.assert_close(split(parts.flatten(0, 1)), expected, atol=1e-4, rtol=1e-4)
        plain.load_state_dict(split.state_dict())
        inputs = torch.randn(3, 3, 16, 16)
        torch.testing.assert_close(split.eval()(inputs), plain.eval()(inputs), atol=0, rtol=0)


def test_a_resumed_training_has_the_bits_of_an_unbroken_one():
    def start():
        torch.manual_seed(1)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2))
        split_norms(network, 4)
        network.to(memory_format=torch.channels_last)
        return network, torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)

    def step(network, optimizer, number):
        inputs = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        network(inputs.to(memory_format=torch.channels_last)).pow(3).mean().backward()
        optimizer.step()

    unbroken, stopped, resumed = start(), start(), start()
    for number in range(4):
        step(*unbroken, number)
    for number in range(2):
        step(*stopped, number)
    for own, saved in zip(resumed, stopped, strict=True):
        own.load_state_dict(copy.deepcopy(saved.state_dict()))
    for number in range(2, 4):
        step(*resumed, number)
    found, expected = resumed[0].state_dict(), unbroken[0].state_dict()
    assert len(found) == 14
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not torch.equal(expected["1.running_mean"], stopped[0].state_dict()["1.running_mean"])
