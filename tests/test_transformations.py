"""Transformations that methods predict: against Pillow, torchvision, SciPy and slow loops; drawn evenly."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from scipy.stats import chi2, kstest
from torchvision.transforms.v2 import functional as TF

from workflow_scripts.data.augmentations.base import make_augmentation
from workflow_scripts.data.views.transformable import make_transformation_space
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden

SIDE, COUNT = 16, 96
KINDS = {
    "rotation": 4,
    "hflip": 2,
    "vflip": 2,
    "inversion": 2,
    "grayscale": 2,
    "jigsaw": 24,
    "kernel_blur": 4,
    "sigma_blur": 4,
}
SPACE = make_transformation_space({kind: {"kind": kind} for kind in KINDS}, SIDE)


@pytest.fixture
def stored(random):
    """Images (B, H, W, 3) uint8."""
    return random.integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)


def to_floats(stored):
    return torch.from_numpy(np.array(stored)).movedim(-1, -3).float() / 255


def transform(kind, stored, seed=1):
    """Draw parameters, of which every value is there, and return them and the transformed images."""
    parameters = SPACE.draw(kind, len(stored), torch.Generator().manual_seed(seed))
    assert set(parameters[:, 0].tolist()) == set(range(KINDS[kind]))
    images = to_floats(stored)
    before = images.clone()
    transformed = SPACE.apply(kind, images, parameters)
    assert torch.equal(images, before)
    assert transformed.shape == images.shape
    assert transformed.dtype == images.dtype
    return parameters, transformed


TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)  # counterclockwise
PILLOW = {
    "rotation": lambda image, value: image.transpose(TURNS[value]),
    "hflip": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "vflip": lambda image, _: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "inversion": lambda image, _: ImageOps.invert(image),
    "grayscale": lambda image, _: image.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("kind", PILLOW)
def test_simple_transformations_match_pillow(kind, stored):
    # Pillow's grey levels are whole numbers, of weights to three digits (.299 for our .2989): half a level and a bit.
    tolerance = {"inversion": 1e-6, "grayscale": 0.7 / 255}.get(kind, 0)
    parameters, transformed = transform(kind, stored)
    for image, value, ours in zip(stored, parameters[:, 0].int().tolist(), transformed, strict=True):
        expected = PILLOW[kind](Image.fromarray(image), value) if value else image
        torch.testing.assert_close(ours, to_floats(expected), atol=tolerance, rtol=0)


def test_grey_images_match_torchvision(stored):
    parameters, transformed = transform("grayscale", stored)
    for image, value, ours in zip(to_floats(stored), parameters[:, 0], transformed, strict=True):
        torch.testing.assert_close(ours, TF.rgb_to_grayscale(image, 3) if value else image, atol=1e-6, rtol=0)


def test_jigsaw_moves_tiles_as_a_slow_loop_does(stored):
    orders = sorted(order for order in itertools.product(range(4), repeat=4) if len(set(order)) == 4)
    parameters, transformed = transform("jigsaw", np.concatenate([stored] * 3))
    half = SIDE // 2
    corners = [(0, 0), (half, 0), (0, half), (half, half)]  # left, upper: row by row
    for image, value, ours in zip(np.concatenate([stored] * 3), parameters[:, 0].int(), transformed, strict=True):
        pillow, expected = Image.fromarray(image), Image.new("RGB", (SIDE, SIDE))
        for place, tile in enumerate(orders[value]):
            left, upper = corners[tile]
            expected.paste(pillow.crop((left, upper, left + half, upper + half)), corners[place])
        assert torch.equal(ours, to_floats(expected))


def test_kernel_blur_matches_torchvision(stored):
    parameters, transformed = transform("kernel_blur", stored)
    kernels = (1, 5, 9, 15)
    for image, (value, sigma), ours in zip(to_floats(stored), parameters.tolist(), transformed, strict=True):
        size = [kernels[int(value)]] * 2
        expected = TF.gaussian_blur(image, size, [sigma, sigma]) if value else image
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_sigma_blur_matches_scipy(stored):
    parameters, transformed = transform("sigma_blur", stored)
    for image, value, ours in zip(to_floats(stored), parameters[:, 0].int().tolist(), transformed, strict=True):
        sigma = (0, 0.5, 1, 2)[value]
        expected = gaussian_filter(image.double().numpy(), sigma, mode="mirror", radius=6, axes=(1, 2))
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_value_0_is_exactly_the_identity_whatever_is_drawn_beside_it(kind, stored):
    parameters = SPACE.draw(kind, COUNT, torch.Generator().manual_seed(2))
    parameters[:, 0] = 0
    images = to_floats(stored)
    assert torch.equal(SPACE.apply(kind, images, parameters), images)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_drawn_evenly(kind):
    count, values = 24_000, KINDS[kind]
    assert SPACE.values[kind] == values
    parameters = SPACE.draw(kind, count, torch.Generator().manual_seed(3))
    drawn = torch.bincount(parameters[:, 0].long(), minlength=values)
    assert len(drawn) == values
    expected = count / values
    # Exceeded once in a thousand draws; the seed is fixed.
    assert float(((drawn - expected) ** 2 / expected).sum()) < chi2.ppf(0.999, values - 1)
    again = SPACE.draw(kind, count, torch.Generator().manual_seed(3))
    assert torch.equal(parameters, again)


def test_a_probability_does_not_count_where_values_are_drawn():
    space = make_transformation_space({"grey": {"kind": "grayscale", "probability": 0.0}}, SIDE)
    share = space.draw("grey", 10_000, torch.Generator().manual_seed(0)).mean()
    assert float(share) == pytest.approx(0.5, abs=0.02)  # four standard errors


def test_the_strength_of_a_kernel_blur_says_nothing_of_its_value():
    parameters = SPACE.draw("kernel_blur", 20_000, torch.Generator().manual_seed(4))
    for value in range(4):
        sigma = parameters[parameters[:, 0] == value, 1].numpy()
        assert kstest((sigma - 0.1) / 1.9, "uniform").pvalue > 1e-3
    own = make_augmentation("kernel_blur", {}, SIDE).draw(20_000, torch.Generator().manual_seed(5))
    assert torch.bincount(own[:, 0].long()).float().std() < 0.02 * len(own)


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_leaves_pixels_in_full_precision(kind, stored):
    images, parameters = to_floats(stored), SPACE.draw(kind, COUNT, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = SPACE.apply(kind, images, parameters)
    assert torch.equal(mixed, SPACE.apply(kind, images, parameters))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_does_not_depend_on_the_others(kind, stored):
    images = to_floats(stored)
    parameters, transformed = transform(kind, stored)
    channels_last = images.contiguous(memory_format=torch.channels_last)
    for given in (images, channels_last):
        alone = torch.cat([SPACE.apply(kind, given[i : i + 1], parameters[i : i + 1]) for i in range(8)])
        torch.testing.assert_close(alone, transformed[:8], atol=1e-6, rtol=0)
    assert SPACE.apply(kind, images[:0], parameters[:0]).shape == (0, 3, SIDE, SIDE)


def test_actions_are_differences_of_values():
    first, second = torch.tensor([[3.0, 1, 0, 1, 0, 23, 2, 0]]), torch.tensor([[1.0, 0, 1, 1, 0, 1, 3, 3]])
    assert SPACE.dim == len(KINDS)
    assert SPACE.relate(first, second).tolist() == [[2, 1, 1, 0, 0, 2, 1, 3]]


def test_a_crop_matches_torchvision(stored):
    crop, images = make_augmentation("crop", {"padding": 4}, SIDE), to_floats(stored)
    parameters = crop.draw(COUNT, torch.Generator().manual_seed(1))
    for image, (down, right), ours in zip(
        images, parameters.int().tolist(), crop.apply(images, parameters), strict=True
    ):
        assert torch.equal(ours, TF.crop(TF.pad(image, [4]), 4 + down, 4 + right, SIDE, SIDE))
    many = crop.draw(81 * 300, torch.Generator().manual_seed(2)).long()
    drawn = torch.bincount((many[:, 0] + 4) * 9 + many[:, 1] + 4, minlength=81)  # of every pair of shifts
    assert len(drawn) == 81
    assert float(((drawn - 300) ** 2 / 300).sum()) < chi2.ppf(0.999, 80)


def test_a_crop_without_a_border_changes_nothing(stored):
    """Trap: a random crop of 32 pixels of an image of 32 pixels, as the paper's code has it, is the image."""
    crop, images = make_augmentation("crop", {}, SIDE), to_floats(stored)
    parameters = crop.draw(COUNT, torch.Generator().manual_seed(1))
    assert parameters.shape == (COUNT, 2)
    assert not parameters.any()
    assert torch.equal(crop.apply(images, parameters), images)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="a side is 15 pixels; choose an even resolution"):
        make_augmentation("jigsaw", {}, 15)
    with pytest.raises(UserError, match="kernel of 15 pixels, too large to be reflected"):
        make_augmentation("kernel_blur", {}, 7)
    with pytest.raises(UserError, match="kernel of 19 pixels, too large"):
        make_augmentation("sigma_blur", {"sigma": (0.5, 1.0, 3.0)}, 8)
    smallest = make_augmentation("kernel_blur", {}, 8)
    image = torch.rand(1, 3, 8, 8)
    expected = TF.gaussian_blur(image, [15, 15], [2.0, 2.0])
    torch.testing.assert_close(smallest.apply(image, torch.tensor([[3.0, 2.0]])), expected, atol=1e-5, rtol=0)
