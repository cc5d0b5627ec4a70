"""Reader of Flowers-102 (Nilsback and Zisserman 2008): 8,189 photographs of 102 kinds of flowers.

    jpg/image_00001.jpg ...
    imagelabels.mat        `labels`: of each image, 1 to 102
    setid.mat              `trnid`, `valid` and `tstid`: numbers of the images of each split, from 1

The train split is the official train and validation images, 10 of each class and 10 more: a few examples a class are
drawn from 20, so that several draws of 10 differ. The test split is the official one. The files hold no names of
classes: they are called by their numbers.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.photographs import AGAIN, Photographs
from workflow_scripts.data.readers.raw_files import read_file
from workflow_scripts.support.errors import UserError

CLASSES = 102


class Flowers(Photographs):
    """A tree in Flowers-102's layout; see `base.Reader`."""

    def __init__(self, root: Path) -> None:
        labels = read_integers(root / "imagelabels.mat", "labels", CLASSES)
        parts = [read_integers(root / "setid.mat", name, len(labels)) for name in ("trnid", "valid", "tstid")]
        numbers = np.concatenate(parts)
        if len(np.unique(numbers)) < len(numbers):
            raise UserError(f"{root / 'setid.mat'} is damaged: an image stands in two splits, or twice in one; {AGAIN}")
        train, test = (
            [(f"jpg/image_{number:05d}.jpg", int(labels[number - 1]) - 1) for number in split.tolist()]
            for split in (np.concatenate(parts[:2]), parts[2])
        )
        super().__init__(root, [f"flower {number}" for number in range(1, CLASSES + 1)], train, test)


open_reader = Flowers


def read_integers(path: Path, name: str, highest: int) -> np.ndarray:
    """Return a list of whole numbers from 1 to `highest`, (n,) int64, of a MATLAB file.

    Raises `UserError` for a file that is missing or damaged, or holds something else under that name.
    """
    import scipy.io

    content = read_file(path)
    try:
        array = np.asarray(scipy.io.loadmat(io.BytesIO(content), variable_names=[name])[name])
    except Exception as error:  # a damaged file makes scipy raise many kinds
        raise UserError(f"{path} is damaged: no {name} can be read from it ({type(error).__name__}); {AGAIN}") from None
    whole = array.dtype.kind in "iuf" and array.size > 0 and array.size == max(array.shape)
    if not whole or not np.isin(array, range(1, highest + 1)).all():
        raise UserError(f"{path} is damaged: {name} is no list of whole numbers from 1 to {highest}; {AGAIN}")
    return array.ravel().astype(np.int64)
