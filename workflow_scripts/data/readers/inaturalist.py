"""Reader of iNaturalist 2019 (the competition of FGVC6, CVPR 2019): 268,243 photographs of 1,010 species.

    train2019.json, val2019.json            lists in COCO's form: `images`, `annotations`, `categories`
    train_val2019/<group>/<species>/<name>.jpg

The test split is the validation list, three of each species, as the official test images have no labels. Classes are
numbered as the ids of the categories ascend.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from workflow_scripts.data.readers.photographs import AGAIN, Photographs
from workflow_scripts.data.readers.raw_files import read_file
from workflow_scripts.support.errors import UserError

IMAGE = re.compile(r"(?:(?!\.)[\w.-]+/)+(?!\.)[\w.-]+\.jpe?g", re.ASCII | re.IGNORECASE)


class Species(Photographs):
    """A tree in iNaturalist 2019's layout; see `base.Reader`."""

    official_classes: int | None = 1010

    def __init__(self, root: Path) -> None:
        lists = [read_annotations(root / f"{split}2019.json") for split in ("train", "val")]
        (names, train), (others, test) = lists
        if names != others:
            raise UserError(f"{root / 'val2019.json'} has other categories than train2019.json; {AGAIN}")
        label = {category: position for position, category in enumerate(names)}
        numbered = [[(file, label[category]) for file, category in found] for found in (train, test)]
        super().__init__(root, list(names.values()), *numbered)


open_reader = Species


def read_annotations(path: Path) -> tuple[dict[int, str], list[tuple[str, int]]]:
    """Return the categories' names by ascending id, and file and category of each image, by ascending id of images.

    Raises `UserError` for a file that is no such list, names a file outside of the tree, or has an image without
    exactly one annotation of a known category.
    """
    content = read_file(path)
    try:
        table = json.loads(content)
        names = {_whole(entry["id"]): str(entry["name"]) for entry in table["categories"]}
        files = {_whole(entry["id"]): str(entry["file_name"]) for entry in table["images"]}
        pairs = [(_whole(entry["image_id"]), _whole(entry["category_id"])) for entry in table["annotations"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = f"{type(error).__name__} {error}"[:80]
        raise UserError(f"{path} is no list of images, annotations and categories ({what}); {AGAIN}") from None
    category = dict(pairs)
    if not files or len(category) < len(pairs) or category.keys() != files.keys() or len(files) < len(table["images"]):
        raise UserError(f"{path} is damaged: its images do not have one annotation each; {AGAIN}")
    if wrong := set(category.values()) - names.keys():
        raise UserError(f"{path} is damaged: an image is of the category {min(wrong)}, which it does not list; {AGAIN}")
    if outside := [file for file in files.values() if not IMAGE.fullmatch(file)]:
        raise UserError(f"{path} is damaged: {outside[0][:60]!r} is not the path of an image; {AGAIN}")
    return dict(sorted(names.items())), [(files[image], category[image]) for image in sorted(files)]


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value
