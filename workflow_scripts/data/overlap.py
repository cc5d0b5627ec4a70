"""Do a data set's splits share images? Told by their content: links and copies under other names count, too.

Some published data sets have a few exact duplicates. They are counted, shown and accepted; more of them mean that a
tree is not what its split says, and whatever is measured on it would be too good.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN

MOST_SHARED = 0.01  # of the test images that may be training images


def digest_images(images: np.ndarray) -> np.ndarray:
    """Return a digest (V,) uint64 of each image of an object, (V, H, W, 3) uint8.

    Of 64 bits: that any two of three million different images have the same has a probability of 2 in ten million.
    """
    # SHA-1 is the fastest here, and nobody gains by a collision.
    pixels = (np.ascontiguousarray(image).data for image in images)
    digests = [hashlib.sha1(each, usedforsecurity=False).digest()[:8] for each in pixels]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


@dataclass(frozen=True)
class Overlap:
    """Test images that are training images.

    images: how many there are, among `of` test images. pair: object and view of the first of them, then of its first
    like among the training images; None where there is none. objects: positions of all that have or are such an image.
    """

    images: int
    of: int
    pair: tuple[tuple[int, int], tuple[int, int]] | None
    objects: np.ndarray

    @property
    def is_too_large(self) -> bool:
        """Whether the splits share more than a published data set does."""
        return self.images > MOST_SHARED * self.of

    def __str__(self) -> str:
        if not self.images:
            return "no test image is a training image"
        verb = "is a training image" if self.images == 1 else "are training images"
        return f"{self.images:,} of the {self.of:,} test images {verb}, too"


def find_overlap(digests: np.ndarray, splits: np.ndarray) -> Overlap:
    """Compare all images. digests: (N, V) uint64. splits: (N,) uint8, `TRAIN` and `TEST`."""
    train, test = np.flatnonzero(splits == TRAIN), np.flatnonzero(splits == TEST)
    known = np.isin(digests[test], digests[train])
    pair = None
    objects = np.empty(0, dtype=np.int64)
    if known.any():
        row, view = (int(axis[0]) for axis in np.nonzero(known))
        like = np.argwhere(digests[train] == digests[test[row], view])[0]
        pair = (int(test[row]), view), (int(train[like[0]]), int(like[1]))
        shown = np.isin(digests[train], digests[test][known])
        objects = np.concatenate([test[known.any(axis=1)], train[shown.any(axis=1)]])
    return Overlap(int(known.sum()), known.size, pair, objects)
