"""Small raw data sets in the official layouts, for the tests of readers and packing."""

import hashlib
import io
import itertools
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workflow_scripts.data.packing import pack

CIFAR_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@contextmanager
def without_sync():
    """Leave writing to the disk to the kernel: nothing here loses power, and syncing takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield


def make_image(random, side):
    """A smooth random image: what JPEG keeps well."""
    coarse = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def make_3diebench(root: Path, train, val, views=3, side=48, different=None) -> Path:
    """Write a tree for train and val lists of (object id, label).

    different: so many images, again and again, of which val has the last two and train the others.
    """
    random = np.random.default_rng(7)
    root.mkdir(parents=True, exist_ok=True)
    count = (len(train) + len(val)) * views
    pictures = [_encode(make_image(random, side)) for _ in range(different or count)]
    shown = iter(pictures)
    for split, objects in (("train", train), ("val", val)):
        if different:
            shown = itertools.cycle(pictures[:-2] if split == "train" else pictures[-2:])
        np.save(root / f"{split}_images.npy", [name for name, _ in objects])
        np.save(root / f"{split}_labels.npy", np.array([label for _, label in objects]))
        for name, _ in objects:
            folder = root / name.strip("/")
            folder.mkdir(parents=True)
            for view in range(views):
                (folder / f"image_{view}.jpg").write_bytes(next(shown))
                np.save(folder / f"latent_{view}.npy", random.uniform(-1, 1, 7))
    return root


def _encode(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95)
    return content.getvalue()


def make_small_3diebench(root: Path, train=8, val=4, **options) -> Path:
    """Write a tree of two classes with so many objects."""
    objects = [(f"/{('cup', 'pot')[i % 2]}/{i:04d}/", i % 2) for i in range(train + val)]
    return make_3diebench(root, objects[:train], objects[train:], **options)


def pack_small_3diebench(folder: Path, **options) -> Path:
    """Pack such a tree at 8 pixels, and return where."""
    from workflow_scripts.data.packing import pack

    manifest = write_manifest(folder / "raw.json", make_small_3diebench(folder / "raw", **options))
    pack(manifest, folder / "packed", "threediebench", 8, workers=1)
    return folder / "packed"


def make_cifar_tree(root: Path, train=3, test=2, suffix="png", side=32) -> Path:
    """Write a tree of so many images a class."""
    random = np.random.default_rng(8)
    for split, count in (("train", train), ("test", test)):
        for name in CIFAR_CLASSES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                make_image(random, side).save(folder / f"{i:04d}.{suffix}")
    return root


def write_manifest(path: Path, root: Path, **changes) -> Path:
    """Write the manifest of a tree."""
    manifest = {"root": str(root), "source": "test", "description": "a test", "caveat": "", "settings_hash": "0"}
    path.write_text(json.dumps(manifest | changes))
    return path


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 digest of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def leave_unfinished(manifest: Path, output: Path, resolution: int) -> None:
    """Stop a packing when all objects are stored and nothing is described."""

    def stop(*_):
        raise RuntimeError("stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflow_scripts.data.packing.make_meta", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            pack(manifest, output, "threediebench", resolution, workers=1)
