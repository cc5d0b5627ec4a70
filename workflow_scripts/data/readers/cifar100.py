"""Reader of CIFAR-100 (Krizhevsky 2009): the official python files, with its 100 fine labels.

    cifar-100-python/train, test, meta      as published; checksums are verified

The 20 coarse labels are not read.
"""

from __future__ import annotations

from pathlib import Path

from workflow_scripts.data.readers.pickled import Batches, BatchLayout
from workflow_scripts.support.errors import UserError

LAYOUT = BatchLayout(
    folder="cifar-100-python",
    batches={"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
    test="test",
    labels=b"fine_labels",
    names=b"fine_label_names",
    classes=100,
)


def open_reader(root: Path) -> Batches:
    """Return a reader of the files in `root`, or in its `cifar-100-python`."""
    if folder := LAYOUT.find(root):
        return Batches(folder, LAYOUT)
    raise UserError(
        f"{root} has none of the files {', '.join((*LAYOUT.batches, *LAYOUT.meta))}; CIFAR-100 is read from its "
        f"official {LAYOUT.folder}"
    )
