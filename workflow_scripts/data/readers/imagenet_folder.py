"""Reader of ImageNet-100 (Tian et al. 2020) from a folder of ImageNet (Russakovsky et al. 2015, ILSVRC 2012).

    train/<id>/<name>.JPEG     some 1,300 of each class
    val/<id>/<name>.JPEG       50 of each class: the test split, as the official test images have no labels

Only the 100 classes of imagenet100.txt are read; folders of others, or their absence, do not matter. ImageNet's own
archive has all validation images in one folder: they are sorted into folders of classes first.
"""

from __future__ import annotations

from pathlib import Path

from workflow_scripts.data.readers.photographs import IMAGENET, Photographs, list_photographs, read_imagenet100
from workflow_scripts.support.errors import UserError


class ImageNetFolder(Photographs):
    """The 100 classes of a folder of ImageNet; see `base.Reader`."""

    normalisation = IMAGENET

    def __init__(self, root: Path) -> None:
        classes = read_imagenet100()
        for split in ("train", "val"):
            refuse_missing_classes(root / split, list(classes))
        train, test = (
            [
                (file, label)
                for label, name in enumerate(classes)
                for file in list_photographs(root, f"{split}/{name}", f"images of the class {classes[name]}")
            ]
            for split in ("train", "val")
        )
        super().__init__(root, list(classes.values()), train, test)


open_reader = ImageNetFolder


def refuse_missing_classes(folder: Path, ids: list[str]) -> None:
    """Raise `UserError` unless the folder of a split has a folder for each class."""
    if missing := [name for name in ids if not (folder / name).is_dir()]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(
            f"{folder} has no folder {missing[0]}{more} of the {len(ids)} classes that are read; give the folder of "
            "ImageNet, with train/<id>/ and val/<id>/ for each class"
        )
