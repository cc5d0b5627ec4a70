"""Batched augmentations against torchvision's functional ones, image by image."""

import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from workflow_scripts.data.augment import GaussianBlur, ResizedCrop

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


@pytest.mark.parametrize("augmentation", [ResizedCrop(), GaussianBlur()])
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
