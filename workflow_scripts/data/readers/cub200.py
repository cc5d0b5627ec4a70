"""Reader of CUB-200-2011 (Wah et al. 2011): 11,788 photographs of birds of 200 species.

    classes.txt                "<class> <folder>" a line, numbered from 1
    images.txt                 "<image> <folder>/<name>.jpg" a line
    image_class_labels.txt     "<image> <class>" a line
    train_test_split.txt       "<image> <1 in the train split, 0 in the test split>" a line
    images/<folder>/<name>.jpg

Boxes, parts and attributes are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

from workflow_scripts.data.readers.photographs import AGAIN, Photographs, read_table
from workflow_scripts.support.errors import UserError

IMAGE = re.compile(r"(?!\.)[\w.-]+/(?!\.)[\w.-]+\.jpe?g", re.ASCII | re.IGNORECASE)


class Birds(Photographs):
    """A tree in CUB-200-2011's layout; see `base.Reader`."""

    official_classes: int | None = 200

    def __init__(self, root: Path) -> None:
        names = read_numbered(root / "classes.txt")
        images = read_numbered(root / "images.txt")
        classes, parts = (read_of_images(root / f"{name}.txt", images) for name in OF_IMAGES)
        for image, file in images.items():
            if not IMAGE.fullmatch(file):
                raise UserError(f"{root / 'images.txt'} is damaged: {file[:60]!r} is not <folder>/<name>.jpg; {AGAIN}")
            if classes[image] not in names or parts[image] not in ("0", "1"):
                raise UserError(
                    f"{root} is damaged: image {image} has the class {classes[image]!r}, of {len(names)}, and is in "
                    f"the split {parts[image]!r}, of 0 and 1; {AGAIN}"
                )
        label = {name: position for position, name in enumerate(names)}
        train, test = (
            [(f"images/{file}", label[classes[image]]) for image, file in images.items() if parts[image] == part]
            for part in ("1", "0")
        )
        # "001.Black_footed_Albatross" is what a class is called.
        titles = [name.partition(".")[2].replace("_", " ") or name for name in names.values()]
        super().__init__(root, titles, train, test)


open_reader = Birds

OF_IMAGES = ("image_class_labels", "train_test_split")


def read_numbered(path: Path) -> dict[str, str]:
    """Return the second column of a list by the first, in order. Raises `UserError` unless that counts from 1."""
    lines = read_table(path, 2)
    if [number for number, _ in lines] != [str(number) for number in range(1, len(lines) + 1)]:
        raise UserError(f"{path} is damaged: its lines are not numbered from 1 to {len(lines)}; {AGAIN}")
    return dict(lines)


def read_of_images(path: Path, images: dict[str, str]) -> dict[str, str]:
    """Return what a list says of each image. Raises `UserError` unless it is a list of the same images."""
    values = read_numbered(path)
    if len(values) != len(images):
        raise UserError(f"{path} is a list of {len(values)} images, images.txt of {len(images)}; {AGAIN}")
    return values
