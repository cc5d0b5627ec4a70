"""Small data in crossed views: each pose of an object in each color."""

from __future__ import annotations

from pathlib import Path

from raw_trees import without_sync, write_manifest

from workflow_scripts.data.packing import pack
from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.data.rendering.tree import start_tree, write_splits

CROSSED = {"classes": 2, "objects_per_class": {"train": 3, "test": 2}, "views": 9, "resolution": 8, "supersampling": 1}


def make_crossed_tree(root: Path, **changes) -> Path:
    """Write a tree of the embedded benchmark without images."""
    settings = parse_settings({**CROSSED, "jpeg_quality": None, **changes})
    root.mkdir(parents=True, exist_ok=True)
    start_tree(root, settings)
    write_splits(root, settings)
    return root


def pack_crossed(folder: Path, layout="rendered_crossed", side=8, **changes) -> Path:
    """Draw such a tree into a packed data set, and return where."""
    with without_sync():
        manifest = write_manifest(folder / "raw.json", make_crossed_tree(folder / "raw", **changes))
        pack(manifest, folder / layout, layout, side, workers=1)
    return folder / layout
