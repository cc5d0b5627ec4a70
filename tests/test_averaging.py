"""Packing that averages blocks of pixels: against exact arithmetic, and with no effect where it is not asked for."""

import itertools
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from raw_trees import CIFAR_CLASSES, digests, make_cifar_tree, make_small_3diebench, write_manifest

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import FORMAT, list_settings, open_reader, pack, read_manifest
from workflow_scripts.data.readers.base import average_blocks
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_settings

RENDERED = next(iter(load_experiment("contextssl/small")["sources"]))
pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]


def average_slowly(image, factor):
    """Exact fractions, one pixel at a time; `round` takes the even one of two equally near numbers."""
    side = len(image) // factor
    found = np.empty((side, side, 3), dtype=np.uint8)
    for row, column, channel in itertools.product(range(side), range(side), range(3)):
        block = image[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor, channel]
        found[row, column, channel] = round(Fraction(sum(block.ravel().tolist()), factor**2))
    return found


@pytest.mark.golden
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_averages_are_exact(random, factor):
    images = random.integers(0, 256, (2, 3, 12, 12, 3), dtype=np.uint8)
    found = average_blocks(images, factor)
    assert found.dtype == np.uint8
    for i, j in itertools.product(range(2), range(3)):
        np.testing.assert_array_equal(found[i, j], average_slowly(images[i, j], factor))


def test_halves_go_to_the_even_number():
    image = np.zeros((2, 8, 3), dtype=np.uint8)
    image[0, :8:2] = np.array([2, 6, 10, 14])[:, None]  # means .5, 1.5, 2.5, 3.5
    assert average_blocks(image, 2)[0, :, 0].tolist() == [0, 2, 2, 4]


def test_averaged_arrays(tmp_path):
    root = make_cifar_tree(tmp_path / "raw", train=2, test=1)
    manifest = write_manifest(tmp_path / "raw.json", root)
    pack(manifest, tmp_path / "packed", "cifar10", 16, workers=1, average=2)
    data = PackedDataset(tmp_path / "packed")
    expected = [average_slowly(np.asarray(Image.open(root / f"train/{c}/0001.png")), 2) for c in CIFAR_CLASSES[:3]]
    np.testing.assert_array_equal(data.inputs[[1, 3, 5], 0], expected)
    assert data.meta["resolution"] == 16
    assert data.meta["caveat"] == "each pixel is the mean of 2x2 stored ones"
    pixels = data.inputs[:20] / 255
    np.testing.assert_allclose(data.meta["mean"], pixels.mean(axis=(0, 1, 2, 3)), rtol=1e-12)
    data.verify()
    pack(manifest, tmp_path / "resized", "cifar10", 16, workers=1)
    assert (PackedDataset(tmp_path / "resized").inputs != data.inputs).any(), (
        "a resize weights its neighbours otherwise"
    )


def test_every_view_is_averaged(tmp_path):
    root = make_small_3diebench(tmp_path / "raw", 2, 2, views=3, side=48)
    manifest = write_manifest(tmp_path / "raw.json", root)
    pack(manifest, tmp_path / "packed", "threediebench", 16, workers=1, average=3)
    for view in range(3):
        stored = np.asarray(Image.open(root / f"pot/0001/image_{view}.jpg"))
        np.testing.assert_array_equal(PackedDataset(tmp_path / "packed").inputs[1, view], average_slowly(stored, 3))


def test_settings_that_are_not_set_change_nothing(tmp_path):
    """The hash of everything else is that of before there was averaging, or a choice of classes."""
    manifest = write_manifest(tmp_path / "raw.json", make_cifar_tree(tmp_path / "raw", 2, 1))
    content, root = read_manifest(manifest)
    plain = list_settings(content, open_reader("cifar10", root), "cifar10", 32, (1, None), classes=None, average=None)
    assert set(plain) == {"format", "manifest", "layout", "resolution", "per_class", "catalogue"}
    assert plain["format"] == FORMAT
    pack(manifest, tmp_path / "one", "cifar10", 32, (1, None), workers=1, average=1)
    pack(manifest, tmp_path / "none", "cifar10", 32, (1, None), workers=1)
    assert digests(tmp_path / "one") == digests(tmp_path / "none")
    assert PackedDataset(tmp_path / "one").meta["settings_hash"] == hash_settings(plain)
    for further in ({"average": 2}, {"classes": 10}):
        pack(manifest, tmp_path / "other", "cifar10", 16, (1, None), workers=1, **further)
        expected = hash_settings(plain | {"resolution": 16} | further)
        assert PackedDataset(tmp_path / "other").meta["settings_hash"] == expected


def test_a_resize_before_averaging_is_refused(tmp_path):
    manifest = write_manifest(tmp_path / "raw.json", make_cifar_tree(tmp_path / "raw", 1, 1, side=40))
    with pytest.raises(UserError, match=r"train/00000 is stored with 40 pixels a side, but 16 .* need 32; change"):
        pack(manifest, tmp_path / "packed", "cifar10", 16, workers=1, average=2)
    root = make_small_3diebench(tmp_path / "views", 1, 1, views=2)
    Image.new("RGB", (32, 32)).save(root / "cup/0000/image_1.jpg")
    with pytest.raises(UserError, match="cup/0000 holds images of several sizes"):
        pack(write_manifest(tmp_path / "views.json", root), tmp_path / "v", "threediebench", 24, workers=1, average=2)


def test_command_line(tmp_path, run_module):
    manifest = write_manifest(tmp_path / "raw.json", make_cifar_tree(tmp_path / "raw", 1, 1))
    options = ["--layout", "cifar10", "--resolution", 16, "--average", 2, "--classes", 3, "--workers", 1]
    run_module("pack", "--manifest", manifest, "--output", tmp_path / "packed", *options)
    data = PackedDataset(tmp_path / "packed")
    assert data.inputs.shape == (6, 1, 16, 16, 3)
    assert data.meta["caveat"] == "3 of the 10 classes; each pixel is the mean of 2x2 stored ones"


def test_real_cifar_images(tmp_path, shared_data):
    with zipfile.ZipFile(shared_data / "cifar10_jpg.zip") as archive:
        archive.extractall(tmp_path, [f"{s}/{c}/0000.jpg" for c in CIFAR_CLASSES for s in ("train", "test")])
    pack(write_manifest(tmp_path / "raw.json", tmp_path), tmp_path / "packed", "cifar10", 16, workers=1, average=2)
    data = PackedDataset(tmp_path / "packed")
    for i, name in ((0, "train/airplane"), (7, "train/horse"), (19, "test/truck")):
        stored = np.asarray(Image.open(tmp_path / name / "0000.jpg"))
        np.testing.assert_array_equal(data.inputs[i, 0], average_slowly(stored, 2))
    assert data.meta["caveat"].startswith("the images are lossy JPEG copies of CIFAR-10")


def test_config():
    """Where they may stand: averages of images only, and classes of downloads, as a renderer has its own number."""
    kept = {"classes": 5, "average": 2, "resolution": 16}
    config = load_experiment("contextssl/cifar10-small", {"sources": {"cifar10-small": kept}})
    assert kept.items() <= config["sources"]["cifar10-small"].items()
    before = load_experiment("contextssl/cifar10-small")["sources"]["cifar10-small"]
    assert not {"classes", "average"} & before.keys(), "no default enters what others are packed with"
    for experiment, source, wrong in (
        ("cifar10-small", "cifar10-small", {"average": 1}),
        ("cifar10-small", "cifar10-small", {"classes": 0}),
        ("small", RENDERED, {"classes": 3}),
        ("tabular", "adult", {"average": 2}),
    ):
        with pytest.raises(UserError, match=rf"sources\.{source}.*({'|'.join(wrong)})"):
            load_experiment(f"contextssl/{experiment}", {"sources": {source: wrong}})


def test_tables_have_neither(tmp_path, shared_data):
    manifest = write_manifest(tmp_path / "raw.json", shared_data / "adult", source="adult")
    with pytest.raises(UserError, match=r"adult is a table: .* remove them from sources\.mine"):
        pack(manifest, tmp_path / "mine" / "packed", "adult", None, classes=2)
