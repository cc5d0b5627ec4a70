"""Reader of ImageNet-C (Hendrycks and Dietterich 2019): ImageNet's validation images under 15 corruptions.

    <corruption>/<strength 1 to 5>/<id>/<name>.JPEG     224x224, the central square that ImageNet's evaluation sees

Read are the 100 classes of imagenet100.txt. An object is an image, and its 75 views are the corruptions at each
strength, in the order of `corrupted_views.VIEWS`. All are test images.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workflow_scripts.data.corrupted_views import VIEWS
from workflow_scripts.data.readers.base import TEST, ImageReader, Normalisation, decode_image
from workflow_scripts.data.readers.photographs import AGAIN, IMAGENET, list_photographs, read_imagenet100
from workflow_scripts.support.errors import UserError

FOLDERS = tuple(f"{name.replace(' ', '_')}/{strength}" for name, strength in VIEWS)


class CorruptedImages(ImageReader):
    """A tree in ImageNet-C's layout; see `base.Reader`."""

    latent_names: Sequence[str] = ()
    views = len(VIEWS)
    normalisation: Normalisation | None = IMAGENET
    caveat = "the corrupted images are stored as JPEG"

    def __init__(self, root: Path) -> None:
        names = read_imagenet100()
        self._root = root
        self.classes: Sequence[str] = list(names.values())
        start = len(FOLDERS[0]) + 1
        found = [
            (file[start:], label)
            for label, name in enumerate(names)
            for file in list_photographs(root, f"{FOLDERS[0]}/{name}", f"images of the class {names[name]}")
        ]
        self.objects = np.array([file for file, _ in found])
        self.labels = np.array([label for _, label in found], dtype=np.int64)
        self.splits = np.full(len(found), TEST, dtype=np.uint8)

    def check(self, index: int) -> None:
        """Raise `UserError` unless an image is there under each corruption at each strength."""
        for folder in FOLDERS:
            if not os.path.isfile(path := f"{self._root}/{folder}/{self.objects[index]}"):
                raise UserError(f"{path} is missing or not a file, but {FOLDERS[0]} has its like; {AGAIN}")

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (75, resolution, resolution, 3) uint8 and latents (75, 0) float32 of an object."""
        images = [decode_image(f"{self._root}/{folder}/{self.objects[index]}", resolution) for folder in FOLDERS]
        if len({image.shape for image in images}) > 1:
            raise UserError(f"{self.objects[index]} is stored with several sizes under {self._root}; {AGAIN}")
        return np.stack(images), np.empty((self.views, 0), dtype=np.float32)


open_reader = CorruptedImages
