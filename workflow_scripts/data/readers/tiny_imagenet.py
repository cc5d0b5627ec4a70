"""Reader of Tiny-ImageNet-200 (Stanford CS231n 2015): images of 64x64 of 200 classes of ImageNet.

    wnids.txt                                the classes' ids, a line each; their order numbers them
    words.txt                                names of ids: "<id><tab><name>, <other name>, ..."
    train/<id>/images/<id>_<n>.JPEG          500 of each class
    val/val_annotations.txt                  "<image><tab><id><tab>..." a line
    val/images/<image>                       50 of each class: the test split, as test/ has no labels

Every image is an object with one view and no latents. A tree of fewer classes is read; packing refuses it unless
`sources.<name>.classes` is set. Other files than these are left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN, ImageReader, Normalisation, decode_image
from workflow_scripts.data.readers.raw_files import list_names, read_file
from workflow_scripts.support.errors import UserError

CLASS_ID = re.compile(r"n\d{8}", re.ASCII)
VAL_IMAGE = re.compile(r"val_\d+\.JPEG", re.ASCII)
AGAIN = "unpack the archive again"


class TinyImageNet(ImageReader):
    """A tree in Tiny-ImageNet-200's layout; see `base.Reader`."""

    latent_names: Sequence[str] = ()
    views = 1
    normalisation: Normalisation | None = None
    official_classes: int | None = 200
    caveat = "the images exist only as JPEG, whose grid of blocks tells how one was turned unless pixels are averaged"

    def __init__(self, root: Path) -> None:
        self._root = root
        ids = read_ids(root / "wnids.txt")
        self.classes: Sequence[str] = read_names(root / "words.txt", ids)
        train = [(f"train/{name}/images/{file}", name) for name in ids for file in list_train(root, name)]
        test = read_annotations(root, ids)
        for split, found in (("train", train), ("val", test)):
            refuse_uneven(root / split, ids, Counter(name for _, name in found))
        self._files = [file for file, _ in (*train, *test)]
        position = {name: label for label, name in enumerate(ids)}
        self.labels = np.array([position[name] for _, name in (*train, *test)], dtype=np.int64)
        self.splits = np.repeat(np.array([TRAIN, TEST], dtype=np.uint8), (len(train), len(test)))
        self.objects = np.array([file.replace("/images/", "/") for file in self._files])

    def check(self, index: int) -> None:
        """Do nothing: the files were listed when the reader was made."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (1, resolution, resolution, 3) uint8, grey ones as RGB, and latents (1, 0) float32."""
        image = decode_image(self._root / self._files[index], resolution)
        return image[None], np.empty((1, 0), dtype=np.float32)


open_reader = TinyImageNet


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file that are not blank. Raises `UserError` where it is missing or no text."""
    try:
        return [line for line in read_file(path).decode().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UserError(f"{path} is damaged: it is no text; {AGAIN}") from None


def read_ids(path: Path) -> list[str]:
    """Return the ids of the classes, in order. Raises `UserError` unless there are any, well-formed and once each."""
    ids = [line.strip() for line in read_lines(path)]
    if not ids:
        raise UserError(f"{path} is empty; {AGAIN}")
    if wrong := [name for name in ids if not CLASS_ID.fullmatch(name)]:
        raise UserError(f"{path} is damaged: {wrong[0][:40]!r} is no id of a class, like 'n01443537'; {AGAIN}")
    if len(set(ids)) < len(ids):
        raise UserError(f"{path} names the class {Counter(ids).most_common(1)[0][0]} twice; {AGAIN}")
    return ids


def read_names(path: Path, ids: list[str]) -> list[str]:
    """Return the first name of each class, with its id where two have the same."""
    table = dict(line.split("\t", 1) for line in read_lines(path) if "\t" in line)
    if missing := [name for name in ids if not table.get(name, "").strip(" ,")]:
        raise UserError(f"{path} has no name for the class {missing[0]}; {AGAIN}")
    names = [table[name].strip(" ,").split(",")[0].strip() for name in ids]
    return [name if names.count(name) == 1 else f"{name} ({ids[i]})" for i, name in enumerate(names)]


def list_train(root: Path, name: str) -> list[str]:
    """Return the training images of a class, by their numbers."""
    folder = root / "train" / name / "images"
    image = re.compile(rf"{name}_(\d+)\.JPEG", re.ASCII)
    matches = filter(None, map(image.fullmatch, list_folder(folder)))
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), match[0]))]


def list_folder(folder: Path) -> list[str]:
    """Return the names in a folder; a missing one is a `UserError`."""
    return list_names(folder, f"there is no folder {folder}, which the list of classes asks for; {AGAIN}")


def read_annotations(root: Path, ids: list[str]) -> list[tuple[str, str]]:
    """Return file and class of each val image, in the order of the list.

    Raises `UserError` for lines that are no annotation, classes that `ids` lacks, and images that are not there once.
    """
    path = root / "val" / "val_annotations.txt"
    there, known, seen = set(list_folder(root / "val" / "images")), set(ids), set()
    found = []
    for number, line in enumerate(read_lines(path), 1):
        image, name = (*line.split("\t"), "")[:2]
        if not VAL_IMAGE.fullmatch(image) or name not in known:
            raise UserError(
                f"{path} is damaged: line {number} is {line[:40]!r}, not an image like 'val_0.JPEG', a tab and a class "
                f"of wnids.txt; {AGAIN}"
            )
        if image in seen or image not in there:
            fault = "twice" if image in seen else f"but it is not in {root / 'val' / 'images'}"
            raise UserError(f"{path} names {image} {fault}; {AGAIN}")
        seen.add(image)
        found.append((f"val/images/{image}", name))
    return found


def refuse_uneven(folder: Path, ids: list[str], counts: Counter[str]) -> None:
    """Raise `UserError` unless each class has as many images as the others: the official ones are of one size."""
    most = max(ids, key=lambda name: counts[name])
    least = min(ids, key=lambda name: counts[name])
    if counts[least] < counts[most] or not counts[least]:
        raise UserError(
            f"{folder} has {counts[least]} images of class {least} and {counts[most]} of {most}, but the classes are "
            f"of one size, not empty; {AGAIN}"
        )
