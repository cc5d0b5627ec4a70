"""Batched augmentations against torchvision's functional ones, image by image."""

import itertools

import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from workflow_scripts.data.augmentations.base import make_augmentation
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins

pytestmark = pytest.mark.golden


KINDS = list_plugins("data.augmentations", "AUGMENTATION")


def make(kind, **settings):
    return make_augmentation(kind, settings, 32)


@pytest.fixture
def images():
    return torch.rand(24, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_crop_matches_torchvision(images):
    crop = make("resized_crop")
    parameters = crop.draw(len(images), torch.Generator().manual_seed(1))
    result = crop.apply(images, parameters)
    for image, (top, left, height, width), ours in zip(images, (parameters * 32).round().int(), result, strict=True):
        box = [int(v) for v in (top, left, height, width)]
        expected = TF.resized_crop(image, *box, [32, 32], antialias=False)
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_blur_matches_torchvision(images):
    blur = make("blur")
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
    color = make("color_jitter")
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
        ours = make("color_jitter").apply(batch, vector.expand(len(batch), 4))
        expected = torch.stack([adjust_color(image, vector) for image in batch])
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_color_parameters_are_uniform_and_independent():
    parameters = make("color_jitter").draw(20000, torch.Generator().manual_seed(5))
    spread = torch.tensor([0.4, 0.4, 0.4, 0.1])
    share = (parameters - make("color_jitter").identity(1)) / (2 * spread) + 0.5
    assert float(share.min()) >= -1e-6
    assert float(share.max()) <= 1 + 1e-6
    levels = torch.linspace(0, 1, 11)
    # Kolmogorov-Smirnov at n = 20000: 1.95 / sqrt(n) is passed once in a thousand.
    torch.testing.assert_close(share.quantile(levels, dim=0), levels[:, None].expand(-1, 4), atol=0.014, rtol=0)
    torch.testing.assert_close(torch.corrcoef(parameters.T), torch.eye(4), atol=0.03, rtol=0)  # four standard errors


def test_each_image_has_its_own_color(images):
    parameters = make("color_jitter").draw(len(images), torch.Generator().manual_seed(6))
    one_by_one = [make("color_jitter").apply(images[i : i + 1], parameters[i : i + 1]) for i in range(len(images))]
    torch.testing.assert_close(make("color_jitter").apply(images, parameters), torch.cat(one_by_one))


@pytest.mark.parametrize("kind", KINDS)
def test_identity_parameters_change_nothing(kind, images):
    augmentation = make(kind)
    torch.testing.assert_close(augmentation.apply(images, augmentation.identity(len(images))), images)


def test_boxes_lie_in_the_image_and_have_the_right_area():
    boxes = make("resized_crop").draw(20000, torch.Generator().manual_seed(3))
    top, left, height, width = boxes.unbind(1)
    assert (boxes >= 0).all()
    assert (top + height <= 1).all()
    assert (left + width <= 1).all()
    area = height * width
    assert float(area.min()) > 0.2 - 0.03  # rounding to whole pixels
    assert abs(float(area.median()) - 0.56) < 0.03  # uniform on (.2, 1), boxes that do not fit drawn again


FUNCTIONS = {
    "hflip": TF.horizontal_flip,
    "vflip": TF.vertical_flip,
    "inversion": TF.invert,
    "grayscale": lambda image: TF.rgb_to_grayscale(image, 3),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_coin_flips_match_torchvision(kind, images):
    augmentation = make(kind, probability=0.5)
    parameters = augmentation.draw(len(images), torch.Generator().manual_seed(1))
    assert 0 < int(parameters.sum()) < len(images)
    for image, coin, ours in zip(images, parameters[:, 0], augmentation.apply(images, parameters), strict=True):
        torch.testing.assert_close(ours, FUNCTIONS[kind](image) if coin else image, atol=1e-6, rtol=0)


def test_quarter_turns_match_torchvision(images):
    turns = make("rotation")
    parameters = turns.draw(len(images), torch.Generator().manual_seed(1))
    assert set(parameters.flatten().tolist()) == {0, 1, 2, 3}
    for image, count, ours in zip(images, parameters[:, 0], turns.apply(images, parameters), strict=True):
        assert torch.equal(ours, TF.rotate(image, 90.0 * float(count)))


def test_quarter_turns_of_the_hue_match_torchvision(images):
    turns = make("hue_turns")
    parameters = turns.draw(len(images), torch.Generator().manual_seed(1))
    assert set(parameters.flatten().tolist()) == {0, 1, 2, 3}
    for image, count, ours in zip(images, parameters[:, 0], turns.apply(images, parameters), strict=True):
        expected = TF.adjust_hue(image, float(count) / 4 - (count == 3).item()) if count else image
        torch.testing.assert_close(ours, expected, atol=1e-5 if count else 0, rtol=0)


def add_texture_slowly(image, weight, kernel):
    """One image (3, H, W): filter, restore, mix, restore, clamp; restored as a mean and a deviation of each channel."""
    result = image.clone()
    side = image.shape[-1]
    inside = [min(abs(i), 2 * (side - 1) - i) for i in range(-1, side + 1)]
    for channel, own in enumerate(image.double()):
        wide = own[inside][:, inside]
        filtered = sum(
            kernel[3 * y + x].double() * wide[y : y + side, x : x + side] for y in range(3) for x in range(3)
        )
        for mixed in (lambda f: f, lambda f, own=own: (1 - weight) * own + weight * f):
            filtered = mixed(filtered)
            filtered = (filtered - filtered.mean()) / filtered.std(correction=0) * own.std(correction=0) + own.mean()
        result[channel] = filtered.clamp(0, 1)
    return result


def test_texture_matches_a_slow_reference(images):
    texture = make("texture")
    parameters = texture.draw(len(images), torch.Generator().manual_seed(1))
    found = texture.apply(images, parameters)
    assert 0 < int((parameters[:, 0] == 0).sum()) < len(images)
    for image, (weight, *kernel), ours in zip(images, parameters, found, strict=True):
        expected = add_texture_slowly(image, float(weight), kernel) if weight else image
        torch.testing.assert_close(ours, expected, atol=1e-4 if weight else 0, rtol=0)
    one_by_one = [texture.apply(images[i : i + 1], parameters[i : i + 1]) for i in range(len(images))]
    torch.testing.assert_close(found, torch.cat(one_by_one))
    flat = torch.rand(24, 3, 1, 1).expand(-1, -1, 32, 32)
    torch.testing.assert_close(texture.apply(flat, parameters), flat, atol=1e-4, rtol=0)


def test_texture_keeps_mean_and_variance(images):
    faint = 0.5 + 0.1 * (images - 0.5)  # nothing is clamped
    texture = make("texture", probability=1.0, strength=[0.3, 0.9])
    parameters = texture.draw(len(images), torch.Generator().manual_seed(2))
    assert 0.3 <= float(parameters[:, 0].min()) < float(parameters[:, 0].max()) <= 0.9
    found = texture.apply(faint, parameters)
    assert float((found - faint).abs().mean()) > 0.01
    for moment in (torch.mean, torch.var):
        torch.testing.assert_close(moment(found, dim=(2, 3)), moment(faint, dim=(2, 3)), atol=1e-5, rtol=1e-3)
    many = make("texture").draw(5000, torch.Generator().manual_seed(3))
    assert float((many[:, 0] > 0).float().mean()) == pytest.approx(0.5, abs=0.03)  # four standard errors
    changed = many[:, 0] > 0
    torch.testing.assert_close(many[changed, 1:].std(dim=0), torch.ones(9), atol=0.07, rtol=0)
    assert not many[~changed].any()  # two draws without a change are the same


def test_strengths_come_from_the_settings(images):
    generator = torch.Generator().manual_seed(1)
    boxes = make("resized_crop", scale=[0.08, 0.1]).draw(1000, generator)
    assert float((boxes[:, 2] * boxes[:, 3]).max()) < 0.13
    sigmas = make("blur", sigma=[1.0, 1.5], probability=1.0).draw(1000, generator)
    assert 1 <= float(sigmas.min()) < float(sigmas.max()) <= 1.5
    wide = make("blur", kernel_size=9).apply(images, torch.full((len(images), 1), 2.0))
    expected = torch.stack([TF.gaussian_blur(image, [9, 9], [2.0, 2.0]) for image in images])
    torch.testing.assert_close(wide, expected, atol=1e-5, rtol=0)
    factors = make("color_jitter", brightness=0.0, probability=0.8).draw(5000, generator)
    assert bool((factors[:, 0] == 1).all())
    changed = (factors != make("color_jitter").identity(1)).any(dim=1).float().mean()
    assert float(changed) == pytest.approx(0.8, abs=0.025)  # four standard errors
    assert float(make("grayscale").draw(5000, generator).mean()) == pytest.approx(0.2, abs=0.025)


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match="there is no augmentation 'swirl'"):
        make("swirl")
