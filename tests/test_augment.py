"""Batched augmentations against torchvision's functional ones, image by image."""

import itertools

import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from workflow_scripts.data.augment import ColorJitter, GaussianBlur, ResizedCrop

pytestmark = pytest.mark.golden


@pytest.fixture
def images():
    return torch.rand(24, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_crop_matches_torchvision(images):
    crop = ResizedCrop()
    parameters = crop.draw(len(images), torch.Generator().manual_seed(1))
    result = crop.apply(images, parameters)
    for image, (top, left, height, width), ours in zip(images, (parameters * 32).round().int(), result, strict=True):
        box = [int(v) for v in (top, left, height, width)]
        expected = TF.resized_crop(image, *box, [32, 32], antialias=False)
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_blur_matches_torchvision(images):
    blur = GaussianBlur()
    parameters = blur.draw(len(images), torch.Generator().manual_seed(2))
    result = blur.apply(images, parameters)
    for image, sigma, ours in zip(images, parameters[:, 0], result, strict=True):
        expected = TF.gaussian_blur(image, [5, 5], [float(sigma)] * 2) if sigma > 0 else image
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    assert 0 < int((parameters == 0).sum()) < len(images)


def adjust_color(image, parameters):
    brightness, contrast, saturation, hue = (float(p) for p in parameters)
    image = TF.adjust_contrast(TF.adjust_brightness(image, brightness), contrast)
    return TF.adjust_hue(TF.adjust_saturation(image, saturation), hue)


def test_color_matches_torchvision(images):
    color = ColorJitter()
    parameters = color.draw(len(images), torch.Generator().manual_seed(4))
    result = color.apply(images, parameters)
    for image, factors, ours in zip(images, parameters, result, strict=True):
        torch.testing.assert_close(ours, adjust_color(image, factors), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "parameters",
    [
        *([*factors, hue] for factors in itertools.product([0.6, 1.4], repeat=3) for hue in (-0.1, 0.1)),
        *([1, 1, 1, hue] for hue in (-0.5, -1 / 3, 1 / 6, 0.5)),  # around the whole circle, red to red
        *([0, 1, 1, 0.1], [1, 0, 1, 0.1], [1, 1, 0, 0.1], [3, 3, 3, 0.2]),  # black; one grey level; grey; clamped
    ],
)
def test_color_matches_torchvision_at_the_ends(images, parameters):
    grey = images[:1, :1].expand(-1, 3, -1, -1)
    primary = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3).T.reshape(1, 3, 3, 9)  # two channels tie
    few_levels = (4 * images[:4]).round() / 4
    for batch in (images[:4], few_levels, grey, primary, torch.zeros_like(grey), torch.ones_like(grey)):
        vector = torch.tensor(parameters, dtype=torch.float32)
        ours = ColorJitter().apply(batch, vector.expand(len(batch), 4))
        expected = torch.stack([adjust_color(image, vector) for image in batch])
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_color_parameters_are_uniform_and_independent():
    parameters = ColorJitter().draw(20000, torch.Generator().manual_seed(5))
    spread = torch.tensor([0.4, 0.4, 0.4, 0.1])
    share = (parameters - ColorJitter().identity(1)) / (2 * spread) + 0.5
    assert float(share.min()) >= -1e-6
    assert float(share.max()) <= 1 + 1e-6
    levels = torch.linspace(0, 1, 11)
    # Kolmogorov-Smirnov at n = 20000: 1.95 / sqrt(n) is passed once in a thousand.
    torch.testing.assert_close(share.quantile(levels, dim=0), levels[:, None].expand(-1, 4), atol=0.014, rtol=0)
    torch.testing.assert_close(torch.corrcoef(parameters.T), torch.eye(4), atol=0.03, rtol=0)  # four standard errors


def test_each_image_has_its_own_color(images):
    parameters = ColorJitter().draw(len(images), torch.Generator().manual_seed(6))
    one_by_one = [ColorJitter().apply(images[i : i + 1], parameters[i : i + 1]) for i in range(len(images))]
    torch.testing.assert_close(ColorJitter().apply(images, parameters), torch.cat(one_by_one))


@pytest.mark.parametrize("augmentation", [ResizedCrop(), GaussianBlur(), ColorJitter()])
def test_identity_parameters_change_nothing(augmentation, images):
    torch.testing.assert_close(augmentation.apply(images, augmentation.identity(len(images))), images)


def test_boxes_lie_in_the_image_and_have_the_right_area():
    boxes = ResizedCrop().draw(20000, torch.Generator().manual_seed(3))
    top, left, height, width = boxes.unbind(1)
    assert (boxes >= 0).all()
    assert (top + height <= 1).all()
    assert (left + width <= 1).all()
    area = height * width
    assert float(area.min()) > 0.2 - 0.03  # rounding to whole pixels
    assert abs(float(area.median()) - 0.56) < 0.03  # uniform on (.2, 1), boxes that do not fit drawn again
