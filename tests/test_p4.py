"""Convolutions equivariant to quarter turns, and the pair of encoders: against loops, exact turns, equal sizes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from workflow_scripts.experiment.checking import check_schema, fill
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.models.p4 import GroupConv, LiftingConv, OrientationNorm, split_orientations
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden
PLAIN, TURNING = ({"kind": "dropout_resnet", "widths": [16, 32, 64]}, {"kind": "p4_resnet", "widths": [8, 16, 32]})


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def turn(x):
    """Turn images (..., H, W) by a quarter."""
    return torch.rot90(x, 1, (-2, -1))


def roll(maps):
    """Move each orientation of maps (B, 4 C, H, W) on by one."""
    return split_orientations(maps).roll(1, dims=1).flatten(1, 2)


def slow_convolution(x, weight, orientations):
    """Filters one by one, from the formula: output orientation r reads s by the part s - r, turned by r quarters."""
    width, channels, size, _ = weight.shape
    own = weight.view(width, orientations, channels // orientations, size, size)
    maps = x.view(len(x), orientations, -1, *x.shape[2:])
    outputs = []
    for r in range(4):
        for filters in own:
            parts = [filters[(s - r) % orientations] for s in range(orientations)]
            turned = [torch.rot90(part, r, (1, 2))[None] for part in parts]
            outputs.append(sum(F.conv2d(maps[:, s], turned[s], padding=size // 2) for s in range(orientations)))
    return torch.cat(outputs, dim=1)


LAYERS = [(LiftingConv, 3, 1), (GroupConv, 3, 4), (GroupConv, 1, 4)]


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("layer", "size", "orientations"), LAYERS)
def test_a_convolution_and_its_gradient_match_a_loop(layer, size, orientations, memory):
    made = layer(3, 5, size).double().to(memory_format=memory)
    x = torch.randn(2, 3 * orientations, 6, 6, dtype=torch.float64)
    fast, slow = made(x), slow_convolution(x, made.weight, orientations)
    torch.testing.assert_close(fast, slow, atol=1e-12, rtol=0)
    cotangent = torch.randn_like(fast)
    gradients = [torch.autograd.grad((out * cotangent).sum(), made.weight)[0] for out in (fast, slow)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("layer", "size", "orientations"), LAYERS)
def test_a_turn_of_the_input_turns_maps_and_moves_orientations_on(layer, size, orientations):
    made, x = layer(3, 5, size), torch.randn(2, 3 * orientations, 8, 8)
    turned = turn(x) if orientations == 1 else roll(turn(x))
    torch.testing.assert_close(made(turned), roll(turn(made(x))), atol=1e-5, rtol=0)
    assert not torch.allclose(made(turned), turn(made(x)), atol=1e-2)  # without the roll


@pytest.mark.parametrize("layer", [LiftingConv, GroupConv])
def test_weights_start_with_the_variance_of_their_fan(layer):
    weight, fan = layer(16, 64).weight, 9 * 16 * layer.orientations
    assert weight.var().item() == pytest.approx(2 / fan, rel=0.1)
    assert abs(weight.mean().item()) < 0.01


def test_batch_norm_shares_its_statistics_over_orientations():
    norm, x = OrientationNorm(3), torch.randn(4, 12, 5, 5) * 3 + 1
    nn.init.normal_(norm.weight)
    apart = split_orientations(x)
    mean, var = (measure(apart.transpose(1, 2).flatten(2).transpose(1, 2).flatten(0, 1)) for measure in MOMENTS)
    expected = (apart - mean[:, None, None]) / (var[:, None, None] + norm.eps).sqrt() * norm.weight[:, None, None]
    torch.testing.assert_close(norm(x), expected.flatten(1, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm.running_mean, 0.1 * mean)
    assert norm(x.to(memory_format=torch.channels_last)).is_contiguous(memory_format=torch.channels_last)


MOMENTS = (lambda values: values.mean(dim=0), lambda values: values.var(dim=0, correction=0))


def as_trained(settings, side):
    """An encoder without dropout, whose norms' parameters and statistics are not those of the start."""
    encoder = make_encoder({**settings, "dropout": 0.0}, side, False, 0)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    for _ in range(5):
        encoder(torch.rand(4, 3, side, side))
    return encoder


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(("side", "pool_stem"), [(16, False), (32, True)])
def test_a_turned_image_has_turned_features(side, pool_stem, train):
    encoder = as_trained({**TURNING, "pool_stem": pool_stem}, side).train(train)
    x = torch.rand(4, 3, side, side)
    maps, moved = (encoder.stages(encoder.stem(images)) for images in (x, turn(x)))
    torch.testing.assert_close(moved, roll(turn(maps)), atol=1e-4, rtol=1e-4)
    features = {}
    for readout in ("max", "mean", "invariant"):
        encoder.readout = readout
        features[readout] = encoder(x), encoder(turn(x))
    assert all(not torch.allclose(first, first[:1], atol=1e-2) for first, _ in features.values())
    first, second = (split_orientations(each) for each in features["mean"])
    torch.testing.assert_close(second, first.roll(1, dims=1), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(second, first, atol=1e-2)  # they still tell the turn
    torch.testing.assert_close(*features["invariant"], atol=1e-4, rtol=1e-4)  # these do not
    first, second = (each.view(4, 32, *maps.shape[2:]) for each in features["max"])
    torch.testing.assert_close(second, turn(first), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(second, first, atol=1e-2)


def test_a_stride_in_place_of_pooling_would_not_turn():
    x, made = torch.randn(1, 4, 8, 8), GroupConv(1, 1)
    strided = [F.conv2d(images, made.expand(), stride=2, padding=1) for images in (x, roll(turn(x)))]
    assert not torch.allclose(strided[1], roll(turn(strided[0])), atol=1e-2)


def test_the_pair_has_as_many_parameters():
    for settings in (({"kind": "dropout_resnet"}, {"kind": "p4_resnet"}), (PLAIN, TURNING)):
        pair = [make_encoder(own, 32, False, 0) for own in settings]
        counts = [sum(parameter.numel() for parameter in encoder.parameters()) for encoder in pair]
        assert counts[1] == pytest.approx(counts[0], rel=0.01)
        if settings[0] != PLAIN:  # the paper's
            assert counts == pytest.approx([11.17e6, 11.17e6], rel=0.001)
            assert [encoder.dim for encoder in pair] == [512, 4096]


@pytest.mark.parametrize("side", [16, 32, 64])
def test_the_readouts_of_the_pair_have_as_many_features(side):
    places = (side // 4) ** 2
    spatial = make_encoder({**PLAIN, "readout": "spatial", "project": 32 * places}, side, False, 0)
    features = [make_encoder({**TURNING, "readout": kind}, side, False, 0) for kind in ("max", "mean")]
    assert [spatial.dim, *(encoder.dim for encoder in features)] == [32 * places, 32 * places, 128]
    for encoder in (spatial, *features):
        assert encoder(torch.rand(2, 3, side, side)).shape == (2, encoder.dim)


def test_a_projection_keeps_places_apart():
    encoder = make_encoder({**PLAIN, "readout": "spatial", "project": 32}, 16, False, 0).eval()
    features = encoder(x := torch.rand(2, 3, 16, 16)).view(2, 2, 4, 4)
    maps, layer = encoder.stages(encoder.stem(x)), encoder.project
    by_hand = torch.einsum("oc,bchw->bohw", layer.weight[:, :, 0, 0], maps) + layer.bias[:, None, None]
    torch.testing.assert_close(features, by_hand)
    with pytest.raises(UserError, match=r"encoder\.project is 40, but the last feature map has 16 places"):
        make_encoder({**PLAIN, "readout": "spatial", "project": 40}, 16, False, 0)


def test_the_plain_half_is_a_resnet_18():
    """The same function as torchvision's, once it has the same weights; dropout is off when it is evaluated."""
    from torchvision.models import resnet18

    encoder = make_encoder({"kind": "dropout_resnet", "standardise": None}, 32, False, 0)
    other = resnet18()
    other.fc, other.maxpool, other.conv1 = nn.Identity(), nn.Identity(), nn.Conv2d(3, 64, 3, padding=1, bias=False)
    pairs = list(zip(encoder.state_dict().values(), other.state_dict().values(), strict=True))
    assert all(mine.shape == theirs.shape for mine, theirs in pairs)
    other.load_state_dict(dict(zip(other.state_dict(), encoder.state_dict().values(), strict=True)))
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(encoder.eval()(x), other.eval()(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", [PLAIN, TURNING])
def test_images_are_standardised_inside(settings):
    x, shift, spread = torch.rand(2, 3, 16, 16), [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    inside = make_encoder({**settings, "standardise": {"mean": shift, "std": spread}}, 16, False, 0).eval()
    outside = make_encoder({**settings, "standardise": None}, 16, False, 0).eval()
    by_hand = torch.stack([(x[:, i] - shift[i]) / spread[i] for i in range(3)], dim=1)
    torch.testing.assert_close(inside(x), outside(by_hand))
    assert not torch.allclose(inside(x), outside(x), atol=1e-2)


@pytest.mark.parametrize("settings", [PLAIN, TURNING])
def test_dropout_acts_in_training_only_and_is_drawn_from_the_seed(settings):
    encoder, x = make_encoder(settings, 16, False, 0), torch.rand(4, 3, 16, 16)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(encoder(x))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert torch.equal(encoder.eval()(x), encoder(x))


def test_sides_that_do_not_halve_are_refused():
    with pytest.raises(UserError, match="images of 30 pixels cannot be halved 2 times"):
        make_encoder(TURNING, 30, False, 0)
    make_encoder({**TURNING, "widths": [8, 16]}, 30, False, 0)


def test_the_schema_knows_what_standardisation_takes():
    schema = read_schema("encoders", "p4_resnet")
    filled = fill({"kind": "p4_resnet", "standardise": {"mean": [0, 0, 0]}}, schema)
    assert filled["standardise"]["mean"] == [0.0] * 3
    assert filled["standardise"]["std"] == pytest.approx([0.24706, 0.24353, 0.26157], abs=1e-5)
    assert fill({"kind": "p4_resnet", "standardise": None}, schema)["standardise"] is None
    with pytest.raises(UserError, match="unknown key 'sdt' at standardise"):
        check_schema({"kind": "p4_resnet", "standardise": {"sdt": [1, 1, 1]}}, schema, "config")
