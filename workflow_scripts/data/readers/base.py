"""What a reader of raw data offers, and the one way in which an image file becomes pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from PIL import Image

from workflow_scripts.data.readers.pixels import load_image
from workflow_scripts.support.errors import UserError

TRAIN, TEST = 0, 1  # the official splits, as stored
EVALUATION_SCALE = 256 / 224  # of the shorter side of a photograph to its central square
NARROWEST = 100  # times as long as wide is no photograph any more, and resized it would fill the memory


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each RGB channel, of pixels scaled to [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Reader(Protocol):
    """Raw data of one layout: a catalogue of N objects, and the way to the views of each.

    objects: (N,) fixed-width unicode ids; labels: (N,) int64, indices into `classes`; splits: (N,)
    uint8, `TRAIN` before `TEST`. columns: of a table, see `readers.table.Feature`; of images none.
    counts: objects left after each step that chose them. normalisation: of images, the published one, or
    None where it has to be measured. caveat: one sentence on what keeps the data from being the original, or "".
    official_classes: how many the official data have, where a tree may hold fewer; else None.
    is_published: whether the files were compared with digests of the published ones.
    """

    classes: Sequence[str]
    latent_names: Sequence[str]
    views: int
    objects: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    columns: Sequence[dict[str, Any]]
    counts: dict[str, int]
    normalisation: Normalisation | None
    caveat: str
    official_classes: int | None
    is_published: bool

    def check(self, index: int) -> None:
        """Raise `UserError` unless all files of an object are there; opens none of them."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs (V, ...), as `packed.lay_out_input` says, and latents (V, L) float32 of an object.

        resolution: side that images get [pixels]; None leaves them as they are stored, and a table has none.
        Raises `UserError` for a damaged file, and names it.
        """


class ImageReader:
    """What readers of images have in common.

    Where the latents of each view are the rotation and the color that it was drawn with, the module says
    `POSES = True`, for planning: some kinds of views need them.
    """

    columns: Sequence[dict[str, Any]] = ()
    counts: ClassVar[dict[str, int]] = {}
    official_classes: int | None = None
    is_published = False


class DrawingReader(ImageReader):
    """What readers have in common that draw images in `read`, instead of reading files.

    device: that draws, "cpu" or "cuda"; whoever opens the reader chooses it. With a GPU, `read` is called by up to
    `gpu_threads` threads of one process. Its module says `DRAWS = True`: planning, which imports no module of a reader,
    then gives it sources without image files, and no others.
    """

    device = "cpu"
    gpu_threads = 1


def decode_image(path: Path | str, resolution: int | None) -> np.ndarray:
    """Return a JPEG or PNG file as RGB, (resolution, resolution, 3) uint8; with None, of the side that it has.

    Decoded in full, then resized by Pillow's antialiased bilinear filter: what torchvision's
    `Resize` does to a Pillow image, and so what the authors' loaders do. (JPEG's own reduced-size
    decoding would be twice as fast but gives other pixels.)
    """
    return resize_image(load_image(path, square=True), resolution)


def resize_image(image: Image.Image, resolution: int | None) -> np.ndarray:
    """Return a square RGB image as (resolution, resolution, 3) uint8; with None, of the side that it has."""
    if resolution is not None and image.width != resolution:
        image = image.resize((resolution, resolution), Image.Resampling.BILINEAR)
    return np.asarray(image)


def decode_photograph(path: Path | str, resolution: int | None, border: int = 0) -> np.ndarray:
    """Return the central square of a JPEG or PNG file of any shape as RGB, (resolution, resolution, 3) uint8.

    The shorter side is resized to 256 / 224 of the resolution, then the centre is cut out: pixel by pixel what
    torchvision's `Resize(256)` and `CenterCrop(224)` give at 224. With None, the largest central square as it is
    stored. border: pixels to cut off each side before. What becomes of grey, transparent or other images: `pixels`.
    """
    image = load_image(path)
    width, height = image.width - 2 * border, image.height - 2 * border
    short, long = min(width, height), max(width, height)
    if short < 1 or long > NARROWEST * short:
        raise UserError(f"{path} is {image.width} x {image.height} pixels, no photograph; get the data set again")
    if border:
        image = image.crop((border, border, border + width, border + height))
    side = short
    if resolution is not None:
        side, shorter = resolution, round(resolution * EVALUATION_SCALE)
        longer = int(shorter * long / short)
        size = (shorter, longer) if width < height else (longer, shorter)
        image = image.resize(size, Image.Resampling.BILINEAR) if image.size != size else image
    left, top = round((image.width - side) / 2.0), round((image.height - side) / 2.0)
    return np.asarray(image.crop((left, top, left + side, top + side)))


def average_blocks(images: np.ndarray, factor: int) -> np.ndarray:
    """Return images (..., H, W, 3) uint8 as (..., H / factor, W / factor, 3) uint8, blocks of pixels averaged.

    A value is the mean of its block's factor x factor values, rounded to the nearest whole number and, where two are
    equally near, to the even one.
    """
    *outer, height, width, channels = images.shape
    blocks = images.reshape(*outer, height // factor, factor, width // factor, factor, channels)
    # Exact in 64 bits: the sums are small whole numbers, and a mean is a half only where its division has no rest.
    return np.rint(blocks.mean(axis=(-4, -2), dtype=np.float64)).astype(np.uint8)


def number_objects(splits: np.ndarray) -> np.ndarray:
    """Return ids (N,) such as "train/00042": the position within the split, in stored order. splits: (N,) uint8."""
    names = [f"train/{i:05d}" for i in range(int((splits == TRAIN).sum()))]
    return np.array(names + [f"test/{i:05d}" for i in range(int((splits == TEST).sum()))])


def take_per_class(labels: np.ndarray, splits: np.ndarray, limits: tuple[int | None, int | None]) -> np.ndarray:
    """Return the positions of the first objects of each class, in stored order.

    limits: at most so many per class of the train and of the test split; None for all.
    """
    keep = np.ones(len(labels), dtype=bool)
    for split, limit in zip((TRAIN, TEST), limits, strict=True):
        if limit is None:
            continue
        for label in np.unique(labels[splits == split]):
            keep[np.flatnonzero((splits == split) & (labels == label))[limit:]] = False
    return np.flatnonzero(keep)
