"""Readers of CIFAR-10 (Krizhevsky 2009): the official python batches, or a tree of images by class.

    cifar-10-batches-py/data_batch_1 ... test_batch     as published; checksums are verified
    train/<class>/<name>.png|jpg, test/<class>/...      an unpacked tree, sorted by class and name

Every image is an object with one view and no latents; the official test split stands in for "val".
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.readers.base import (
    TEST,
    TRAIN,
    ImageReader,
    Normalisation,
    decode_image,
    read_file,
    resize_image,
)
from workflow_scripts.support.errors import UserError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32  # pixels
BATCH_FOLDER = "cifar-10-batches-py"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
JPEG_CAVEAT = "the images are lossy JPEG copies of CIFAR-10, not its original pixels"

# Batch files of each split, in stored order, with the published MD5 digests.
BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
META = {"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"}

# All that a pickled batch needs to rebuild its array. The names are looked up here, nothing is imported.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can build numpy arrays and plain Python values, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ADMITTED[module, name]


def load_batch(path: Path, md5: str) -> dict[bytes, Any]:
    """Return the content of a batch file with the given MD5 digest. Raises `UserError` for any other file."""
    content = read_file(path)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise UserError(f"{path} is not the published file (MD5 {found}, expected {md5}); get CIFAR-10 again")
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a hostile pickle can raise anything
        raise UserError(f"{path} is refused: a pickle of arrays was expected, but {error}") from None
    if not isinstance(batch, dict):
        raise UserError(f"{path} is refused: it holds a {type(batch).__name__} instead of a table of arrays")
    return batch


class Batches(ImageReader):
    """The official python batches; see `readers.base.Reader`."""

    classes: Sequence[str] = CLASSES
    latent_names: Sequence[str] = ()
    views = 1
    normalisation: Normalisation | None = None
    caveat = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ((meta, md5),) = META.items()
        names = load_batch(folder / meta, md5).get(b"label_names")
        if names != [name.encode() for name in CLASSES]:
            raise UserError(f"{folder / meta} names other classes than CIFAR-10's; get CIFAR-10 again")
        labels = {name: _read_labels(folder / name, md5) for name, md5 in BATCHES.items()}
        # Object i is row _rows[i] of file _files[i].
        self._files = [name for name, column in labels.items() for _ in range(len(column))]
        self._rows = np.concatenate([np.arange(len(column)) for column in labels.values()])
        self.labels = np.concatenate(list(labels.values()))
        self.splits = np.array([TEST if name == "test_batch" else TRAIN for name in self._files], dtype=np.uint8)
        self.objects = _number_objects(self.splits)

    def check(self, index: int) -> None:
        """Do nothing: all files were there, with the published digests, when the reader was made."""

    def read(self, index: int, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8 and latents (1, 0) float32 of an object."""
        from PIL import Image

        name = self._files[index]
        planes = _load_pixels(self._folder / name, BATCHES[name])[self._rows[index]]
        pixels = np.ascontiguousarray(planes.reshape(3, SIDE, SIDE).transpose(1, 2, 0))
        return resize_image(Image.fromarray(pixels), resolution)[None], np.empty((1, 0), dtype=np.float32)


def _read_labels(path: Path, md5: str) -> np.ndarray:
    batch = load_batch(path, md5)
    pixels, labels = batch.get(b"data"), np.asarray(batch.get(b"labels", []))
    whole = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3 * SIDE**2)
    if not whole or labels.dtype.kind != "i" or not np.isin(labels, range(len(CLASSES))).all():
        raise UserError(f"{path} holds no images (n, {3 * SIDE**2}) with labels 0 to 9; get CIFAR-10 again")
    return labels.astype(np.int64)


@lru_cache(maxsize=1)  # images are read in stored order: one batch (31 MB) at a time is enough
def _load_pixels(path: Path, md5: str) -> np.ndarray:
    pixels: np.ndarray = load_batch(path, md5)[b"data"]
    return pixels


def _number_objects(splits: np.ndarray) -> np.ndarray:
    """Return ids (N,) such as "train/00042": the position within the split, in stored order."""
    names = [f"train/{i:05d}" for i in range(int((splits == TRAIN).sum()))]
    return np.array(names + [f"test/{i:05d}" for i in range(int((splits == TEST).sum()))])


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
        self.objects = _number_objects(self.splits)
        lossy = any(not file.lower().endswith(".png") for file in self._files)
        self.caveat = JPEG_CAVEAT if lossy else ""

    def check(self, index: int) -> None:
        """Do nothing: the files were listed when the reader was made."""

    def read(self, index: int, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8 and latents (1, 0) float32 of an object."""
        image = decode_image(self._root / self._files[index], resolution)
        return image[None], np.empty((1, 0), dtype=np.float32)


def _list_images(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith(IMAGE_SUFFIXES))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"there is no folder {folder}; CIFAR-10 is read from {BATCH_FOLDER}, or from images in train/<class>/ and "
            "test/<class>/"
        ) from None


def open_reader(root: Path) -> Batches | ImageTree:
    """Return a reader of the batches in `root` (or in its `cifar-10-batches-py`), or of the image tree there."""
    for folder in (root, root / BATCH_FOLDER):
        if any((folder / name).is_file() for name in (*BATCHES, *META)):
            return Batches(folder)
    return ImageTree(root)
