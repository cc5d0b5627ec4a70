"""Official batches of small images as Krizhevsky 2009 published them: pickles, which are handled as such.

A folder holds pickled tables of images and labels, and one of the classes' names. Every image is an object with one
view and no latents. Readers of a data set say by a `BatchLayout` which files there are; `Batches` reads them.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workflow_scripts.data.readers.base import (
    TEST,
    TRAIN,
    ImageReader,
    Normalisation,
    number_objects,
    resize_image,
)
from workflow_scripts.data.readers.raw_files import read_file
from workflow_scripts.support.errors import UserError

SIDE = 32  # pixels

# All that a pickled batch needs to rebuild its array. The names are looked up here, nothing is imported.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
}


@dataclass(frozen=True)
class BatchLayout:
    """The official files of a data set.

    folder: that holds them. batches, meta: files with their published MD5 digests, of images in stored order, and of
    the classes' names. test: the batch that is the test split. labels, names: keys of a batch and of meta.
    classes: how many there are.
    """

    folder: str
    batches: dict[str, str]
    meta: dict[str, str]
    test: str
    labels: bytes
    names: bytes
    classes: int

    def find(self, root: Path) -> Path | None:
        """Return the folder, `root` itself or in it, that holds any of the files; None where there is none."""
        names = (*self.batches, *self.meta)
        return next((f for f in (root, root / self.folder) if any((f / name).is_file() for name in names)), None)


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
        raise UserError(f"{path} is not the published file (MD5 {found}, expected {md5}); get the data set again")
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a hostile pickle can raise anything
        raise UserError(f"{path} is refused: a pickle of arrays was expected, but {error}") from None
    if not isinstance(batch, dict):
        raise UserError(f"{path} is refused: it holds a {type(batch).__name__} instead of a table of arrays")
    return batch


class Batches(ImageReader):
    """The official batches in a folder; see `readers.base.Reader`."""

    latent_names: Sequence[str] = ()
    views = 1
    normalisation: Normalisation | None = None
    caveat = ""
    is_published = True

    def __init__(self, folder: Path, layout: BatchLayout) -> None:
        self._folder, self._layout = folder, layout
        self.classes: Sequence[str] = _read_names(folder, layout)
        labels = {name: _read_labels(folder / name, layout) for name in layout.batches}
        # Object i is row _rows[i] of file _files[i].
        self._files = [name for name, column in labels.items() for _ in range(len(column))]
        self._rows = np.concatenate([np.arange(len(column)) for column in labels.values()])
        self.labels = np.concatenate(list(labels.values()))
        self.splits = np.array([TEST if name == layout.test else TRAIN for name in self._files], dtype=np.uint8)
        self.objects = number_objects(self.splits)

    def check(self, index: int) -> None:
        """Do nothing: all files were there, with the published digests, when the reader was made."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8 and latents (1, 0) float32 of an object."""
        name = self._files[index]
        planes = _load_pixels(self._folder / name, self._layout.batches[name])[self._rows[index]]
        pixels = np.ascontiguousarray(planes.reshape(3, SIDE, SIDE).transpose(1, 2, 0))
        return resize_image(Image.fromarray(pixels), resolution)[None], np.empty((1, 0), dtype=np.float32)


def _read_names(folder: Path, layout: BatchLayout) -> tuple[str, ...]:
    ((meta, md5),) = layout.meta.items()
    names = load_batch(folder / meta, md5).get(layout.names)
    if not isinstance(names, list) or len(names) != layout.classes or not all(isinstance(n, bytes) for n in names):
        raise UserError(f"{folder / meta} does not name {layout.classes} classes; get the data set again")
    return tuple(name.decode() for name in names)


def _read_labels(path: Path, layout: BatchLayout) -> np.ndarray:
    batch = load_batch(path, layout.batches[path.name])
    pixels, labels = batch.get(b"data"), np.asarray(batch.get(layout.labels, []))
    whole = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3 * SIDE**2)
    if not whole or labels.dtype.kind != "i" or not np.isin(labels, range(layout.classes)).all():
        last = layout.classes - 1
        raise UserError(f"{path} holds no images (n, {3 * SIDE**2}) with labels 0 to {last}; get the data set again")
    return labels.astype(np.int64)


@lru_cache(maxsize=1)  # images are read in stored order: one batch at a time is enough
def _load_pixels(path: Path, md5: str) -> np.ndarray:
    pixels: np.ndarray = load_batch(path, md5)[b"data"]
    return pixels
