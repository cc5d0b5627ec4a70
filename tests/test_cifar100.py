"""The reader of CIFAR-100: two pickled files with fine labels, handled as the batches of CIFAR-10 are."""

import hashlib
import pickle

import numpy as np
import pytest
from raw_trees import write_manifest

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.readers import cifar100, pickled
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]
NAMES = [f"class {i}" for i in range(100)]


def write_batch(folder, monkeypatch, name, table):
    """Write a table as Python 2 pickled it, and make its digest the published one."""
    content = pickle.dumps(table, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (folder / name).write_bytes(content)
    files = cifar100.LAYOUT.meta if name == "meta" else cifar100.LAYOUT.batches
    monkeypatch.setitem(files, name, hashlib.md5(content).hexdigest())


@pytest.fixture
def files(tmp_path, monkeypatch, random):
    """CIFAR-100's folder with 110 training and 20 test images, and their tables."""
    folder = tmp_path / "raw" / "cifar-100-python"
    folder.mkdir(parents=True)
    names = [name.encode() for name in NAMES]
    tables = {"meta": {b"fine_label_names": names, b"coarse_label_names": [b"all"] * 20}}
    for name, count in (("train", 110), ("test", 20)):
        labels = [*range(100), *range(10)][:count]
        coarse = [label % 20 for label in labels]
        pixels = random.integers(256, size=(count, 3072), dtype=np.uint8)
        tables[name] = {b"data": pixels, b"fine_labels": labels, b"coarse_labels": coarse, b"filenames": [b"x"] * count}
    for name, table in tables.items():
        write_batch(folder, monkeypatch, name, table)
    pickled._load_pixels.cache_clear()
    return folder, tables


def test_published_digests():
    """As the official python version has them (www.cs.toronto.edu/~kriz/cifar.html; torchvision compares the same)."""
    from torchvision.datasets import CIFAR100

    published = dict([*CIFAR100.train_list, *CIFAR100.test_list, (CIFAR100.meta["filename"], CIFAR100.meta["md5"])])
    assert cifar100.LAYOUT.batches | cifar100.LAYOUT.meta == published
    assert list(cifar100.LAYOUT.batches) == ["train", "test"]
    assert cifar100.LAYOUT.folder == CIFAR100.base_folder
    assert cifar100.LAYOUT.names.decode() == CIFAR100.meta["key"]


def test_files(files):
    folder, tables = files
    reader = cifar100.open_reader(folder.parent)
    assert cifar100.open_reader(folder).objects.tolist() == reader.objects.tolist()
    assert list(reader.classes) == NAMES
    assert reader.objects[[0, 109, 110, 129]].tolist() == ["train/00000", "train/00109", "test/00000", "test/00019"]
    assert reader.splits.tolist() == [0] * 110 + [1] * 20
    assert reader.labels.tolist() == [*range(100), *range(10), *range(20)]
    for i in (0, 57, 109, 110, 129):
        flat = tables["train" if i < 110 else "test"][b"data"][i % 110]
        images, latents = reader.read(i, 32)
        assert latents.shape == (1, 0)
        for row, column, channel in ((0, 0, 0), (3, 7, 1), (31, 30, 2)):
            assert images[0, row, column, channel] == flat[channel * 1024 + row * 32 + column]


def test_part_of_the_classes(files, tmp_path):
    """Of any data set, the first of its list; the caveat says so."""
    manifest = write_manifest(tmp_path / "raw.json", files[0])
    pack(manifest, tmp_path / "packed", "cifar100", 32, workers=1, classes=10)
    data = PackedDataset(tmp_path / "packed")
    assert data.meta["classes"] == NAMES[:10]
    assert data.labels.tolist() == [*range(10), *range(10), *range(10)]
    assert data.meta["objects"] == {"train": 20, "test": 10}
    assert data.meta["caveat"] == "10 of the 100 classes"


def test_other_files_are_refused(files, monkeypatch):
    folder, tables = files
    write_batch(folder, monkeypatch, "test", {**tables["test"], b"fine_labels": [100] * 20})
    with pytest.raises(UserError, match=r"test holds no images .* with labels 0 to 99"):
        cifar100.open_reader(folder)
    write_batch(folder, monkeypatch, "meta", {b"fine_label_names": [b"one"]})
    with pytest.raises(UserError, match="meta does not name 100 classes"):
        cifar100.open_reader(folder)
    (folder / "train").write_bytes(b"\0")
    write_batch(folder, monkeypatch, "meta", tables["meta"])
    with pytest.raises(UserError, match="train is not the published file"):
        cifar100.open_reader(folder)
    (folder / "train").unlink()
    with pytest.raises(UserError, match="train is missing"):
        cifar100.open_reader(folder.parent)
    for name in ("test", "meta"):
        (folder / name).unlink()
    with pytest.raises(UserError, match="has none of the files train, test, meta; CIFAR-100 is read from its official"):
        cifar100.open_reader(folder.parent)
