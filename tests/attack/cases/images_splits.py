"""Test images that are training images, by links, copies or other names: counted, and refused where they are many."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.attack.case import RIGHT, Case, Seen, attempt
from tests.attack.trees import make_tree, pack_tree

TRAIN, TEST = Path("raw/cup/0000"), Path("raw/cup/0003")  # of a tree of three training objects and a test object


def link(folder: Path) -> None:
    (folder / TEST).symlink_to(folder / TRAIN)


def copy(folder: Path) -> None:
    shutil.copytree(folder / TRAIN, folder / TEST)


def link_hard(folder: Path) -> None:
    shutil.copytree(folder / TRAIN, folder / TEST, copy_function=os.link)


def turn_round(folder: Path) -> None:
    """Copy the views of a training object, in another order."""
    copy(folder)
    (folder / TEST / "image_0.jpg").rename(folder / TEST / "kept.jpg")
    (folder / TEST / "image_1.jpg").rename(folder / TEST / "image_0.jpg")
    (folder / TEST / "kept.jpg").rename(folder / TEST / "image_1.jpg")


def share(make: Callable[[Path], None]) -> Callable[[Path], Seen]:
    """Return an attack that replaces the test object."""

    def act(folder: Path) -> Seen:
        make_tree(folder, views=2)
        shutil.rmtree(folder / TEST)
        make(folder)
        return attempt(lambda: pack_tree(folder) and None)

    return act


def mend(folder: Path) -> Seen:
    """The advice is followed: the right object is put back, and the same is packed as if nothing had been wrong."""
    make_tree(folder, views=2)
    whole = np.load(pack_tree(folder) / "inputs.npy")
    shutil.rmtree(folder / "packed")
    (folder / TEST).rename(folder / "kept")
    link(folder)
    refused = attempt(lambda: pack_tree(folder) and None)
    (folder / TEST).unlink()
    (folder / "kept").rename(folder / TEST)

    def check() -> str:
        same = np.array_equal(np.load(pack_tree(folder) / "inputs.npy"), whole)
        return "" if refused.code == 1 and same else "other pixels were packed"

    return attempt(check)


def count_few(folder: Path) -> Seen:
    """One of 100 test images, which is as many as may be, and a training image that is there twice."""
    make_tree(folder, train=1, test=2, views=50)
    cups = folder / "raw/cup"
    for target, source in (("0002/image_7", "0000/image_3"), ("0000/image_1", "0000/image_2")):
        shutil.copy(cups / f"{source}.jpg", cups / f"{target}.jpg")

    def check() -> str:
        from workflow_scripts.support.files import read_json

        meta = read_json(pack_tree(folder) / "meta.json")
        told = "1 of the 100 test images is a training image, too" in meta["caveat"]
        return "" if told and meta["test_images_in_train"] == 1 else "it was not counted right"

    return attempt(check)


def count_two(folder: Path) -> Seen:
    """Two of 100 test images: too many."""
    make_tree(folder, train=1, test=2, views=50)
    for view in range(2):
        shutil.copy(folder / f"raw/cup/0000/image_{view}.jpg", folder / f"raw/cup/0002/image_{view}.jpg")
    return attempt(lambda: pack_tree(folder) and None)


def share_nothing(folder: Path) -> Seen:
    make_tree(folder, views=2)

    def check() -> str:
        from workflow_scripts.support.files import read_json

        meta = read_json(pack_tree(folder) / "meta.json")
        return "" if meta["test_images_in_train"] == 0 and not meta["caveat"] else "it was not counted right"

    return attempt(check)


ALL = (
    "2 of the 2 test images are training images, too, the first of them '/cup/0003/' .view 0., which has the pixels of "
    "'/cup/0000/' .view {}.: what is measured on them would be too good; get the data set again"
)
CASES = [
    *(
        Case(f"a test object that is a training object: {name}", share(make), says=ALL.format(view), quick=True)
        for name, make, view in (
            ("a link", link, 0),
            ("a hard link", link_hard, 0),
            ("a copy", copy, 0),
            ("a copy whose views are turned round", turn_round, 1),
        )
    ),
    Case("a linked test object that is replaced as advised", mend, RIGHT, quick=True),
    Case("one of 100 test images is a training image", count_few, RIGHT, quick=True),
    Case("two of 100 test images are training images", count_two, says="2 of the 100 test images", quick=True),
    Case("no test image is a training image", share_nothing, RIGHT, quick=True),
]
