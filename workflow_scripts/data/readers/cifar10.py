"""Readers of CIFAR-10 (Krizhevsky 2009): the official python batches, or a tree of images by class.

    cifar-10-batches-py/data_batch_1 ... test_batch     as published; checksums are verified
    train/<class>/<name>.png|jpg, test/<class>/...      an unpacked tree, sorted by class and name

Every image is an object with one view and no latents; the official test split is the test split.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN, ImageReader, Normalisation, decode_image, number_objects
from workflow_scripts.data.readers.pickled import Batches, BatchLayout
from workflow_scripts.data.readers.raw_files import list_names
from workflow_scripts.support.errors import UserError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
JPEG_CAVEAT = "the images are lossy JPEG copies of CIFAR-10, not its original pixels"

LAYOUT = BatchLayout(
    folder="cifar-10-batches-py",
    batches={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
    test="test_batch",
    labels=b"labels",
    names=b"label_names",
    classes=len(CLASSES),
)


class ImageTree(ImageReader):
    """A tree of images by split and class; see `readers.base.Reader`."""

    classes: Sequence[str] = CLASSES
    latent_names: Sequence[str] = ()
    views = 1
    normalisation: Normalisation | None = None

    def __init__(self, root: Path) -> None:
        self._root = root
        found = {(s, c): _list_images(root / s / c) for s in ("train", "test") for c in CLASSES}
        for (split, name), files in found.items():
            if len(files) != len(found[split, CLASSES[0]]) or not files:
                raise UserError(
                    f"{root / split / name} has {len(files)} images, but {CLASSES[0]} has "
                    f"{len(found[split, CLASSES[0]])}: CIFAR-10's classes are of one size; unpack it again"
                )
        self._files = [f"{split}/{name}/{file}" for (split, name), files in found.items() for file in files]
        sizes = [len(files) for files in found.values()]
        self.labels = np.repeat(np.array([CLASSES.index(name) for _, name in found], dtype=np.int64), sizes)
        self.splits = np.repeat(np.array([TRAIN if s == "train" else TEST for s, _ in found], dtype=np.uint8), sizes)
        self.objects = number_objects(self.splits)
        lossy = any(not file.lower().endswith(".png") for file in self._files)
        self.caveat = JPEG_CAVEAT if lossy else ""

    def check(self, index: int) -> None:
        """Do nothing: the files were listed when the reader was made."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8 and latents (1, 0) float32 of an object."""
        image = decode_image(self._root / self._files[index], resolution)
        return image[None], np.empty((1, 0), dtype=np.float32)


def _list_images(folder: Path) -> list[str]:
    absent = (
        f"there is no folder {folder}; CIFAR-10 is read from {LAYOUT.folder}, or from images in train/<class>/ and "
        "test/<class>/"
    )
    return sorted(name for name in list_names(folder, absent) if name.lower().endswith(IMAGE_SUFFIXES))


def open_reader(root: Path) -> Batches | ImageTree:
    """Return a reader of the batches in `root` (or in its `cifar-10-batches-py`), or of the image tree there."""
    folder = LAYOUT.find(root)
    return Batches(folder, LAYOUT) if folder else ImageTree(root)
