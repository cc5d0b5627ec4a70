"""What readers of photographs have in common: files of any shape, of each of which the central square is kept.

ImageNet's usual evaluation shows a network this square, see `base.decode_photograph`; crops in training are taken from
it, and not from the whole photograph. Every photograph is an object with one view and no latents.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN, ImageReader, Normalisation, decode_photograph
from workflow_scripts.data.readers.raw_files import list_names, read_file
from workflow_scripts.support.errors import UserError

IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # the authors' of all that builds on it
SUFFIXES = (".jpeg", ".jpg", ".png")
SQUARES = "of each JPEG photograph the resized central square is kept, from which training takes its crops, too"
AGAIN = "unpack the official files again"

Catalogue = Sequence[tuple[str, int]]  # file, relative to the root, and label of each photograph


class Photographs(ImageReader):
    """Photographs of the two splits; see `base.Reader`. border: pixels to cut off each side first."""

    latent_names: Sequence[str] = ()
    views = 1
    normalisation: Normalisation | None = None
    caveat = SQUARES
    border = 0

    def __init__(self, root: Path, classes: Sequence[str], train: Catalogue, test: Catalogue) -> None:
        self._root = root
        self.classes: Sequence[str] = classes
        self.objects = np.array([file for file, _ in (*train, *test)])
        self.labels = np.array([label for _, label in (*train, *test)], dtype=np.int64)
        self.splits = np.repeat(np.array([TRAIN, TEST], dtype=np.uint8), (len(train), len(test)))

    def check(self, index: int) -> None:
        """Raise `UserError` unless the photograph is there."""
        path = self._root / str(self.objects[index])
        if not os.path.isfile(path):  # unlike pathlib's, false also where the name is too long for a disk
            raise UserError(f"{path} is missing or not a file, although it is listed; {AGAIN}")

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8 and latents (1, 0) float32 of an object."""
        image = decode_photograph(self._root / str(self.objects[index]), resolution, self.border)
        return image[None], np.empty((1, 0), dtype=np.float32)


def list_photographs(root: Path, folder: str, wanted: str) -> list[str]:
    """Return the images of a folder, relative to the root, by name. wanted: what the folder should hold, for the error.

    Raises `UserError` where there is no such folder, or no image in it. Hidden files are left out.
    """
    there = list_names(root / folder, f"there is no folder {root / folder} with {wanted}; {AGAIN}")
    names = sorted(name for name in there if name.lower().endswith(SUFFIXES))
    if not (found := [f"{folder}/{name}" for name in names if not name.startswith(".")]):
        raise UserError(f"{root / folder} holds no image, but should hold {wanted}; {AGAIN}")
    return found


@cache
def read_imagenet100() -> dict[str, str]:
    """Return the names of ImageNet-100's classes by their ids, in the order that numbers them."""
    lines = (Path(__file__).parent / "imagenet100.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))


def read_table(path: Path, columns: int) -> list[list[str]]:
    """Return the lines of a text file, each cut at blanks into so many columns.

    Raises `UserError` for a file that is missing, is no text, is empty, or has another number of columns in a line.
    """
    try:
        lines = [line.split() for line in read_file(path).decode().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UserError(f"{path} is damaged: it is no text; {AGAIN}") from None
    if wrong := [line for line in lines if len(line) != columns]:
        raise UserError(f"{path} is damaged: {' '.join(wrong[0])[:40]!r} is not a line of {columns} columns; {AGAIN}")
    if not lines:
        raise UserError(f"{path} is empty; {AGAIN}")
    return lines
