"""A packed data set: opened whole or not at all, and divided into evaluation splits."""

import re

import numpy as np
import pytest
from raw_trees import make_cifar_tree, write_manifest

from workflow_scripts.data import packed
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]


@pytest.mark.parametrize("name", ["inputs", "latents", "labels", "objects"])
def test_damaged_data_sets_are_refused(raw, tmp_path, name):
    folder = tmp_path / "packed"
    pack(raw, folder, "threediebench", 8, workers=1)
    path = folder / f"{name}.npy"
    whole = path.read_bytes()
    advice = f"; delete the folder {re.escape(str(folder))} and pack the data set again$"
    path.write_bytes(whole[:-20])
    size = f"{len(whole) - 20:,} bytes of {len(whole):,}"
    with pytest.raises(UserError, match=rf"{name}.npy is incomplete: {size}{advice}"):
        PackedDataset(folder)
    path.write_bytes(b"")
    with pytest.raises(UserError, match=rf"{name}.npy is damaged.*{advice}"):
        PackedDataset(folder)
    path.unlink()
    with pytest.raises(UserError, match=rf"{name}.npy is missing{advice}"):
        PackedDataset(folder)
    np.save(path, np.zeros((3, 2), dtype=np.float64))
    with pytest.raises(UserError, match=rf"{name}.npy holds float64 \(3, 2\), but meta.json describes"):
        PackedDataset(folder)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"{name}.npy (is not what was packed|holds other values)"):
        PackedDataset(folder).verify()
    # A damaged data set counts as not packed.
    path.write_bytes(whole[:-20])
    pack(raw, folder, "threediebench", 8, workers=1)
    PackedDataset(folder).verify()


def test_incomplete_meta_is_refused(raw, tmp_path):
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    path = tmp_path / "packed" / "meta.json"
    meta = read_json(path)
    assert set(meta) == {*packed.META_KEYS, "settings", "test_images_in_train"}
    del meta["std"]
    write_json(path, meta)
    with pytest.raises(UserError, match="lacks 'std'; delete the folder"):
        PackedDataset(tmp_path / "packed")


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> PackedDataset:
    """A packed data set of 10 classes: 200 train and 50 test images."""
    folder = tmp_path_factory.mktemp("many")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=20, test=5, side=4))
    pack(manifest, folder / "packed", "cifar10", 4, workers=1)
    return PackedDataset(folder / "packed")


@pytest.mark.parametrize("holdout", [0.0, 0.1, 0.25, 0.5])
def test_evaluation_splits(many, holdout):
    train, val, test = (many.indices(split, holdout, 3) for split in ("train", "val", "test"))
    assert sorted([*train, *val]) == list(range(200)), "every official train object is in exactly one of the two"
    assert test.tolist() == list(range(200, 250))
    assert np.bincount(many.labels[val], minlength=10).tolist() == [round(20 * holdout)] * 10
    assert (np.diff(train) > 0).all()
    np.testing.assert_array_equal(val, many.indices("val", holdout, 3))
    if holdout:
        assert val.tolist() != many.indices("val", holdout, 4).tolist()
        assert set(val) <= set(many.indices("val", 0.6, 3)), "a larger holdout contains a smaller one"
        first = val[many.labels[val] == 0]
        assert first.tolist() != list(range(len(first))), "drawn, not the first of each class"


def test_wrong_splits_are_refused(many):
    with pytest.raises(UserError, match="there is no split 'valid'"):
        many.indices("valid", 0.1, 0)
    with pytest.raises(UserError, match="holdout share is 1"):
        many.indices("val", 1, 0)


def test_opening_does_not_read_the_images(many):
    assert isinstance(many.inputs.base, np.memmap) or isinstance(many.inputs, np.memmap)
    assert not many.inputs.flags.writeable


def test_data_packed_before_splits_were_compared_are_still_read(raw, tmp_path):
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    path = tmp_path / "packed" / "meta.json"
    meta = {key: value for key, value in read_json(path).items() if key in packed.META_KEYS}
    write_json(path, meta)
    PackedDataset(tmp_path / "packed").verify()
    before = path.stat().st_mtime_ns
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert path.stat().st_mtime_ns == before, "they count as packed"
