"""Small folders of made-up photographs in the official layouts, for the tests of their readers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import scipy.io
from raw_trees import make_image

from workflow_scripts.data.readers.imagenet_c import FOLDERS
from workflow_scripts.data.readers.objectnet import CLASSES
from workflow_scripts.data.readers.photographs import read_imagenet100


def write_photographs(root: Path, files: Iterable[str], size=(20, 16), kind="JPEG") -> None:
    """Write images, each a different one. size: width and height [pixels]."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(zlib.crc32(file.encode()))
        make_image(random, max(size)).resize(size).save(path, kind)


def make_imagenet(root: Path, train=2, test=1, **options) -> Path:
    """Write a folder of ImageNet with so many images of each of the 100 classes."""
    counts = {"train": train, "val": test}
    files = [f"{s}/{c}/{c}_{i}.JPEG" for s, n in counts.items() for c in read_imagenet100() for i in range(n)]
    write_photographs(root, files, **options)
    return root


def make_objectnet(root: Path, count=2) -> Path:
    """Write a folder of ObjectNet: so many images of the 13 classes, and of one more."""
    write_photographs(root, [f"images/{c}/{i}.png" for c in (*CLASSES, "wok") for i in range(count)], kind="PNG")
    return root


def make_imagenet_c(root: Path, classes: Iterable[str], side=16) -> Path:
    """Write a folder of ImageNet-C: one image of each of some classes, given by their ids."""
    files = [f"{folder}/{c}/ILSVRC2012_val_0.JPEG" for c in classes for folder in FOLDERS]
    write_photographs(root, files, size=(side, side))
    return root


# Of ten images the class, and whether it is of the train (1), validation (2) or test split (3).
FLOWERS = [(2, 1), (1, 1), (1, 3), (2, 2), (102, 3), (1, 2), (102, 1), (2, 3), (102, 2), (1, 3)]


def write_matlab(root: Path, labels: list[int], splits: dict[str, list[int]]) -> None:
    """Write the two files of Flowers-102."""
    scipy.io.savemat(root / "imagelabels.mat", {"labels": np.array([labels], dtype=np.uint8)})
    scipy.io.savemat(root / "setid.mat", {name: np.array([ids], dtype=np.uint16) for name, ids in splits.items()})


def make_flowers(root: Path) -> Path:
    """Write a folder of Flowers-102 with ten images."""
    write_photographs(root, [f"jpg/image_{i:05d}.jpg" for i in range(1, 11)])
    splits = {
        name: [i for i, (_, part) in enumerate(FLOWERS, 1) if part == number]
        for number, name in enumerate(("trnid", "valid", "tstid"), 1)
    }
    write_matlab(root, [label for label, _ in FLOWERS], splits)
    return root


BIRDS = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"]


def make_birds(root: Path) -> Path:
    """Write a folder of CUB-200-2011 with four images of each of three species, the last of each a test image."""
    files = [f"{name}/{name[4:]}_{i:04d}_{i}.jpg" for name in BIRDS for i in range(4)]
    write_photographs(root, [f"images/{file}" for file in files])
    lists = {
        "classes": BIRDS,
        "images": files,
        "image_class_labels": [1 + i // 4 for i in range(12)],
        "train_test_split": [int(i % 4 != 3) for i in range(12)],
    }
    for name, values in lists.items():
        (root / f"{name}.txt").write_text("".join(f"{i} {value}\n" for i, value in enumerate(values, 1)))
    return root


def make_species(root: Path) -> Path:
    """Write a folder of iNaturalist 2019 with three species, five images each, one of them for tests."""
    names = {7: "Amanita a", 3: "Parus b", 5: "Quercus c"}
    folder = "train_val2019"
    for split, count, start in (("train", 4, 100), ("val", 1, 900)):
        images, annotations = [], []
        for i in reversed(range(count * 3)):  # neither list is in order
            category = list(names)[i % 3]
            images.append({"id": start + i, "file_name": f"{folder}/Things/{category}/{split}{i:02d}.jpg"})
            annotations.insert(0, {"id": i, "image_id": start + i, "category_id": category})
        categories = [{"id": key, "name": name} for key, name in names.items()]
        table = {"images": images, "annotations": annotations, "categories": categories}
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / f"{split}2019.json").write_text(json.dumps(table))
        write_photographs(root, [image["file_name"] for image in images])
    return root
