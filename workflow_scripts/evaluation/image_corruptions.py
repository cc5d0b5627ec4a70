"""Corruptions of images in [0, 1], each at strengths 1, 2 and 3 (ours).

After those of Hendrycks and Dietterich 2019, for images of few pixels: blur and pixels are shares of the side, so that
an image loses alike at every resolution.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.data.augmentations import blur
from workflow_scripts.evaluation.others import Change
from workflow_scripts.support.seeding import torch_generator

STRENGTHS = (1, 2, 3)
NOISE = (0.04, 0.08, 0.12)  # standard deviation
COUNTS = (300, 80, 35)  # photons of a white pixel; of a middle grey, the deviation is about that of NOISE
BLUR = (1 / 64, 1 / 32, 1 / 20)  # standard deviation [side]
CONTRAST = (0.6, 0.4, 0.2)  # share that is left
PIXELS = (0.75, 0.5, 0.375)  # side that is left [side]
QUALITY = (60, 30, 15)  # of JPEG


def add_noise(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise, and clamp."""
    noise = torch.randn(images.shape, generator=generator)
    return (images + NOISE[strength - 1] * noise.to(images.device)).clamp(0, 1)


def add_shot_noise(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Count photons, which are Poisson-distributed, and clamp."""
    count = COUNTS[strength - 1]
    return (torch.poisson(images.cpu() * count, generator) / count).clamp(0, 1).to(images.device)


def blur_images(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Blur by a Gaussian, cut off at three standard deviations, with reflected borders."""
    sigma = BLUR[strength - 1] * images.shape[-1]
    kernel = blur.GaussianBlur(blur.Settings(kernel_size=2 * math.ceil(3 * sigma) + 1), images.shape[-1])
    return kernel.apply(images, images.new_full((len(images), 1), sigma))


def lower_contrast(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Move every value towards its image's mean in its channel."""
    return torch.lerp(images.mean(dim=(-2, -1), keepdim=True), images, CONTRAST[strength - 1])


def pixelate(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Average to fewer pixels, and enlarge each of them again."""
    side = images.shape[-1]
    small = F.adaptive_avg_pool2d(images, max(1, round(PIXELS[strength - 1] * side)))
    return F.interpolate(small, size=(side, side), mode="nearest")


def compress(images: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Write and read each image as JPEG."""
    pixels = (255 * images.clamp(0, 1)).round().to("cpu", torch.uint8).movedim(1, -1).numpy()
    read = np.stack([_write_and_read(image, QUALITY[strength - 1]) for image in pixels])
    return torch.from_numpy(read).movedim(-1, 1).to(images.device).float() / 255


def _write_and_read(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image (H, W, 3) uint8 as JPEG leaves it."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


CORRUPTIONS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "gaussian noise": add_noise,
    "shot noise": add_shot_noise,
    "blur": blur_images,
    "contrast": lower_contrast,
    "pixelate": pixelate,
    "jpeg": compress,
}


def make_corruption(name: str, strength: int, seed: int) -> Change:
    """Return one pass of a corruption over images (B, 3, H, W) in [0, 1], whose noise is a function of the seed."""
    corrupt, generator = CORRUPTIONS[name], torch_generator(seed, "corruption", name, strength)
    return lambda images: corrupt(images, strength, generator)
