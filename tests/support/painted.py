"""Packed images whose pixels a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image
from raw_trees import CIFAR_CLASSES, write_manifest

from workflow_scripts.data import overlap
from workflow_scripts.data.packing import pack

SIDE = 8  # of the images [pixels]


def pack_painted(folder: Path, paint: Callable[[int, np.random.Generator], np.ndarray], train=6, test=3) -> Path:
    """Pack so many images of each of ten classes; paint: returns one (H, W, 3) uint8 of a class."""
    random = np.random.default_rng(3)
    for split, count in (("train", train), ("test", test)):
        for label, name in enumerate(CIFAR_CLASSES):
            place = folder / "raw" / split / name
            place.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(paint(label, random)).save(place / f"{i:04d}.png")
    manifest = write_manifest(folder / "raw.json", folder / "raw")
    with mock.patch.object(overlap, "MOST_SHARED", 1.0):  # of few flat colors, some are in both splits
        pack(manifest, folder / "packed", "cifar10", SIDE, workers=1)
    return folder / "packed"


def paint_color(label: int, random: np.random.Generator) -> np.ndarray:
    """One flat color: the red that says the class, and a little of the others."""
    level = [25 * label + 10, *random.integers(0, 10, 2)]
    return np.tile(np.array(level, dtype=np.uint8), (SIDE, SIDE, 1))


def paint_slope(label: int, random: np.random.Generator) -> np.ndarray:
    """Grey, darker from the top to the bottom."""
    slope = np.linspace(250, 5, SIDE)[:, None, None] + random.uniform(-5, 5, (SIDE, SIDE, 1))
    return np.broadcast_to(slope, (SIDE, SIDE, 3)).astype(np.uint8)


def paint_noise(label: int, random: np.random.Generator) -> np.ndarray:
    """Every value at random."""
    return random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def read_images(packed: Path, split: str) -> np.ndarray:
    """Return the stored images (n, 3, H, W) of a split, in [0, 1]."""
    chosen = np.load(packed / "splits.npy") == (split == "test")
    return np.load(packed / "inputs.npy")[chosen, 0].transpose(0, 3, 1, 2).astype(np.float32) / 255
