"""The readers of CIFAR-10: the official batches, which are pickles and handled as such, and image trees."""

import hashlib
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image
from raw_trees import CIFAR_CLASSES, make_cifar_tree

from workflow_scripts.data.readers import cifar10, pickled
from workflow_scripts.data.readers.cifar10 import ImageTree, open_reader
from workflow_scripts.data.readers.pickled import Batches, load_batch
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


@pytest.fixture
def batches(tmp_path, monkeypatch):
    """CIFAR-10's batch folder with four images a batch, pickled as Python 2 did; the digests are these files'."""
    folder = tmp_path / "raw" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(9)
    tables = {"batches.meta": {b"label_names": [name.encode() for name in CIFAR_CLASSES]}}
    for name in cifar10.LAYOUT.batches:
        pixels = random.integers(256, size=(4, 3072), dtype=np.uint8)
        tables[name] = {b"data": pixels, b"labels": random.integers(10, size=4).tolist(), b"batch_label": b"x"}
    for name, table in tables.items():
        content = pickle.dumps(table, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        (folder / name).write_bytes(content)
        files = cifar10.LAYOUT.meta if name == "batches.meta" else cifar10.LAYOUT.batches
        monkeypatch.setitem(files, name, hashlib.md5(content).hexdigest())
    pickled._load_pixels.cache_clear()
    return tmp_path / "raw", tables


def test_batches(batches):
    root, tables = batches
    reader = open_reader(root)
    assert isinstance(reader, Batches)
    assert isinstance(open_reader(root / "cifar-10-batches-py"), Batches)
    assert reader.objects[[0, 19, 20, 23]].tolist() == ["train/00000", "train/00019", "test/00000", "test/00003"]
    assert reader.splits.tolist() == [0] * 20 + [1] * 4
    for i in range(24):
        name = "test_batch" if i >= 20 else f"data_batch_{i // 4 + 1}"
        flat = tables[name][b"data"][i % 4]
        images, latents = reader.read(i, 32)
        assert latents.shape == (1, 0)
        for row, column, channel in ((0, 0, 0), (3, 7, 1), (31, 30, 2)):
            assert images[0, row, column, channel] == flat[channel * 1024 + row * 32 + column]
        assert reader.labels[i] == tables[name][b"labels"][i % 4]


def test_other_batches_are_refused(batches):
    root, _ = batches
    path = root / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match="data_batch_3 is not the published file"):
        open_reader(root)
    path.unlink()
    with pytest.raises(UserError, match="data_batch_3 is missing"):
        open_reader(root)


class _Exploit:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.faults
@pytest.mark.parametrize("function", [eval, exec, getattr, np.load, np.fromfile])
def test_hostile_pickles_run_nothing(tmp_path, function):
    """Even with the right digest: the unpickler admits arrays, and no other callable."""
    content = pickle.dumps({b"data": _Exploit(function, f"open({str(tmp_path / 'proof')!r}, 'w')")})
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    with pytest.raises(UserError, match="refused: a pickle of arrays was expected, but it asks for"):
        load_batch(path, hashlib.md5(content).hexdigest())
    assert not (tmp_path / "proof").exists()


def test_image_tree(tmp_path):
    root = make_cifar_tree(tmp_path / "raw")
    reader = open_reader(root)
    assert isinstance(reader, ImageTree)
    assert reader.labels.tolist() == np.repeat(np.arange(10), 3).tolist() + np.repeat(np.arange(10), 2).tolist()
    assert reader.objects[[0, 29, 30, 49]].tolist() == ["train/00000", "train/00029", "test/00000", "test/00019"]
    assert reader.caveat == ""
    images, _ = reader.read(4, 32)  # the second automobile
    np.testing.assert_array_equal(images[0], np.asarray(Image.open(root / "train/automobile/0001.png")))
    (root / "test/deer/0001.png").unlink()
    with pytest.raises(UserError, match="test/deer has 1 images, but airplane has 2"):
        open_reader(root)
    with pytest.raises(UserError, match="there is no folder"):
        open_reader(tmp_path)


def test_jpeg_trees_carry_a_caveat(tmp_path):
    assert "lossy JPEG" in open_reader(make_cifar_tree(tmp_path / "raw", 1, 1, "jpg")).caveat


def test_real_cifar_images(tmp_path, shared_data):
    with zipfile.ZipFile(shared_data / "cifar10_jpg.zip") as archive:
        wanted = [f"train/{c}/{i:04d}.jpg" for c in CIFAR_CLASSES for i in range(20)]
        archive.extractall(tmp_path, wanted + [f"test/{c}/{i:04d}.jpg" for c in CIFAR_CLASSES for i in range(5)])
    reader = open_reader(tmp_path)
    assert len(reader.labels) == 250
    pixels = np.concatenate([reader.read(i, 32)[0] for i in range(200)]) / 255
    # The published statistics of CIFAR-10's train split; 200 images come within a few hundredths.
    np.testing.assert_allclose(pixels.mean(axis=(0, 1, 2)), [0.4914, 0.4822, 0.4465], atol=0.05)
    np.testing.assert_allclose(pixels.std(axis=(0, 1, 2)), [0.2470, 0.2435, 0.2616], atol=0.04)
