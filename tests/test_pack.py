"""Packing: the right bytes, whatever the number of workers, and nothing done twice."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_trees import digests, leave_unfinished, make_cifar_tree, write_manifest

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.writer import sum_channels
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]
FILES = {"inputs.npy", "latents.npy", "labels.npy", "splits.npy", "objects.npy", "meta.json"}


def test_packed_arrays(raw, tmp_path):
    """Every number against an independent reading of the tree."""
    pack(raw, tmp_path / "packed", "threediebench", 32, workers=1)
    assert set(os.listdir(tmp_path)) == {"packed"}
    assert set(os.listdir(tmp_path / "packed")) == FILES
    data = PackedDataset(tmp_path / "packed")
    root = raw.parent / "raw"
    names = [*np.load(root / "train_images.npy"), *np.load(root / "val_images.npy")]
    assert data.objects.tolist() == names
    assert data.labels.tolist() == [0, 1] * 6
    assert data.splits.tolist() == [0] * 8 + [1] * 4
    for i, name in enumerate(names):
        for view in range(3):
            with Image.open(root / name.strip("/") / f"image_{view}.jpg") as image:
                expected = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
            np.testing.assert_array_equal(data.inputs[i, view], expected)
            latents = np.load(root / name.strip("/") / f"latent_{view}.npy")
            np.testing.assert_array_equal(data.latents[i, view], latents.astype(np.float32))
    pixels = data.inputs[:8] / 255
    np.testing.assert_allclose(data.meta["mean"], pixels.mean(axis=(0, 1, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(data.meta["std"], pixels.std(axis=(0, 1, 2, 3)), rtol=1e-12)
    assert data.meta["objects"] == {"train": 8, "test": 4}
    assert data.meta["classes"] == ["cup", "pot"]
    assert {name: data.meta["sha256"][name] for name in FILES - {"meta.json"}} == {
        name: digest for name, digest in digests(tmp_path / "packed").items() if name != "meta.json"
    }
    data.verify()


def test_sums_are_exact(random):
    """Against Python's whole numbers; and of so many white pixels that 32 bits would overflow."""
    images = random.integers(0, 256, (5, 7, 9, 3), dtype=np.uint8)
    for channel in range(3):
        values = images[..., channel].ravel().tolist()
        assert sum_channels(images)[:, channel].tolist() == [sum(values), sum(value**2 for value in values)]
    white = np.full((2, 70_000, 2, 3), 255, dtype=np.uint8)
    assert sum_channels(white).tolist() == [[280_000 * 255] * 3, [280_000 * 255**2] * 3]


def test_same_bytes_with_any_number_of_workers(raw, tmp_path, small_tasks):
    pack(raw, tmp_path / "one", "threediebench", 24, workers=1)
    pack(raw, tmp_path / "three", "threediebench", 24, workers=3, journal_seconds=0)
    assert digests(tmp_path / "one") == digests(tmp_path / "three")


def test_root_may_be_relative_to_the_manifest(raw, tmp_path):
    moved = write_manifest(raw.parent / "relative.json", Path("raw"))
    pack(raw, tmp_path / "a", "threediebench", 8, workers=1)
    pack(moved, tmp_path / "b", "threediebench", 8, workers=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b"), "where the tree lies must not matter"


def test_cifar_and_limits(tmp_path):
    root = make_cifar_tree(tmp_path / "raw", train=4, test=2, suffix="jpg")
    manifest = write_manifest(tmp_path / "raw.json", root, caveat="a caveat")
    pack(manifest, tmp_path / "packed", "cifar10", 32, (2, 1), workers=1)
    data = PackedDataset(tmp_path / "packed")
    assert data.inputs.shape == (30, 1, 32, 32, 3)
    assert data.latents.shape == (30, 1, 0)
    assert data.labels.tolist() == np.repeat(np.arange(10), 2).tolist() + list(range(10))
    assert data.objects[[0, 1, 2, 20]].tolist() == ["train/00000", "train/00001", "train/00004", "test/00000"]
    with Image.open(root / "train/automobile/0001.jpg") as image:
        np.testing.assert_array_equal(data.inputs[3, 0], np.asarray(image))
    assert data.meta["caveat"] == "a caveat; the images are lossy JPEG copies of CIFAR-10, not its original pixels"
    data.verify()


def test_other_settings_discard_the_beginning(raw, tmp_path, capsys):
    leave_unfinished(raw, tmp_path / "packed", 16)
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert "packed.partial holds the beginning of another packing; discarded" in capsys.readouterr().out
    assert PackedDataset(tmp_path / "packed").inputs.shape[2] == 8


def test_a_whole_data_set_is_not_packed_again(raw, tmp_path, capsys):
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    before = (tmp_path / "packed" / "inputs.npy").stat().st_ino
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert "already packed" in capsys.readouterr().out
    assert (tmp_path / "packed" / "inputs.npy").stat().st_ino == before
    assert set(os.listdir(tmp_path)) == {"packed"}


def test_command_line(raw, tmp_path, run_module):
    arguments = ["--manifest", raw, "--output", tmp_path / "packed", "--layout", "threediebench", "--workers", 1]
    result = run_module("pack", *arguments, "--resolution", 8, "--per-class-train", 2, "--per-class-test", 1)
    assert "images/s" in result.stderr, "a progress bar with its rate"
    assert PackedDataset(tmp_path / "packed").objects.tolist() == [f"/{n}/" for n in
        ("cup/0000", "pot/0001", "cup/0002", "pot/0003", "cup/0008", "pot/0009")]  # fmt: skip
    wrong = run_module("pack", *arguments[2:], "--manifest", tmp_path / "no.json", "--resolution", 8, check=False)
    assert wrong.returncode == 1
    assert re.fullmatch(r"error: .*no\.json does not exist; run the step that writes it first\n", wrong.stderr)


def test_wrong_manifests_are_refused(raw, tmp_path):
    path = tmp_path / "raw.json"
    path.write_text('{"root": "."}')
    with pytest.raises(UserError, match="is not a manifest"):
        pack(path, tmp_path / "packed", "threediebench", 8)
    write_manifest(path, tmp_path / "gone")
    with pytest.raises(UserError, match=r"names the folder .*gone, which does not exist"):
        pack(path, tmp_path / "packed", "threediebench", 8)
