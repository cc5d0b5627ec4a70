"""The reader of 3DIEBench: what it reads, and what it refuses with which sentence."""

import numpy as np
import pytest
from PIL import Image
from raw_trees import make_3diebench, make_image, make_small_3diebench
from torchvision.transforms import Resize

from workflow_scripts.data.readers.base import decode_image, take_per_class
from workflow_scripts.data.readers.threediebench import PUBLISHED, ThreeDIEBench, list_classes, read_split
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


def test_real_val_split(shared_data):
    """3DIEBench, Garrido et al. 2023: 10,552 val objects of 55 classes; the largest has 16 %."""
    folder = shared_data / "3diebench-meta"
    split = read_split(folder / "val_images.npy", folder / "val_labels.npy")
    assert len(split.objects) == len(split.labels) == len(set(split.folders)) == 10_552
    assert split.objects[0] == "/02691156/dc8d9003cde43b66c8727b27ee96a4b7/"
    assert split.folders[0] == "02691156/dc8d9003cde43b66c8727b27ee96a4b7"
    counts = np.bincount(split.labels)
    assert len(counts) == 55
    assert counts.min() > 0
    assert 100 * counts.max() / counts.sum() == pytest.approx(15.997, abs=5e-4)
    classes = list_classes(split.folders, split.labels)
    assert len(set(classes)) == 55
    assert classes == sorted(classes), "the official labels number the synsets in order"
    train_labels = np.load(folder / "train_labels.npy")
    assert train_labels.shape == (41_920,)
    assert set(train_labels.tolist()) == set(range(55))


def test_tree_of_real_ids(tmp_path, shared_data):
    folder = shared_data / "3diebench-meta"
    names = np.load(folder / "val_images.npy")[:6].tolist()
    labels = np.load(folder / "val_labels.npy")[:6].tolist()
    objects = list(zip(names, labels, strict=True))
    reader = ThreeDIEBench(make_3diebench(tmp_path / "raw", objects[:4], objects[4:]))
    assert reader.objects.tolist() == names
    assert reader.labels.tolist() == labels
    assert reader.splits.tolist() == [0, 0, 0, 0, 1, 1]
    assert reader.views == 3
    assert reader.classes[labels[0]] == "02691156"
    for i in range(6):
        reader.check(i)
    images, latents = reader.read(5, 24)
    assert images.shape == (3, 24, 24, 3)
    path = tmp_path / "raw" / names[5].strip("/")
    np.testing.assert_array_equal(latents[2], np.load(path / "latent_2.npy").astype(np.float32))


def test_published_normalisation_is_for_the_official_data_only(tmp_path, monkeypatch):
    root = make_small_3diebench(tmp_path / "raw", 4, 2, views=1)
    assert ThreeDIEBench(root).normalisation is None
    monkeypatch.setattr("workflow_scripts.data.readers.threediebench.OFFICIAL_OBJECTS", (4, 2))
    assert ThreeDIEBench(root).normalisation == PUBLISHED


@pytest.mark.parametrize("side", [256, 200, 100])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_images_are_resized_as_torchvision_does(tmp_path, random, side, kind):
    path = tmp_path / f"image.{kind}"
    make_image(random, side).save(path)
    image = Image.open(path).convert("RGB")
    np.testing.assert_array_equal(decode_image(path, 128), np.asarray(Resize((128, 128))(image)))
    np.testing.assert_array_equal(decode_image(path, side), np.asarray(image))


@pytest.mark.parametrize(
    ("name", "array", "sentence"),
    [
        ("train_images.npy", np.arange(8), "instead of object names"),
        ("train_images.npy", np.array([{}] * 8, dtype=object), "pickles from outside are never opened"),
        ("train_labels.npy", np.zeros(8), "float64 instead of class labels"),
        ("train_labels.npy", np.arange(7) % 2, r"shape \(8,\) and .* \(7,\)"),
        (
            "train_labels.npy",
            np.arange(8) % 2 - 1,
            "label -1 of class folder 'cup' is out of range|labels are not those",
        ),
        ("val_labels.npy", np.array([0, 1, 0, 0]), "object pot/0011 has label 0.*not those of these objects"),
        ("val_images.npy", np.array(["/cup/0008/", "/pot/0009/", "/cup/0000/", "/pot/0011/"]), "cup/0000 stands twice"),
    ],
)
def test_wrong_split_arrays_are_refused(tmp_path, name, array, sentence):
    root = make_small_3diebench(tmp_path / "raw", views=1)
    np.save(root / name, array)
    with pytest.raises(UserError, match=sentence):
        ThreeDIEBench(root)


def test_missing_split_array_is_named(tmp_path):
    root = make_small_3diebench(tmp_path / "raw", views=1)
    (root / "train_images.npy").unlink()
    with pytest.raises(UserError, match=r"train_images.npy is missing"):
        ThreeDIEBench(root)


def test_labels_out_of_range_are_refused():
    assert list_classes(["a/1", "b/1"], np.array([0, 54])) == ["a", *[""] * 53, "b"]
    with pytest.raises(UserError, match="label 55 of class folder 'b' is out of range; labels run from 0 to 54"):
        list_classes(["a/1", "b/1"], np.array([0, 55]))
    with pytest.raises(UserError, match="label -1"):
        list_classes(["a/1"], np.array([-1]))


@pytest.mark.parametrize(
    "name",
    [
        "/../x/",
        "/x/../",
        "/x/..",
        "../x",
        "/./x/",
        "//etc/passwd",
        "/etc/",
        "/a/b/c/",
        "a\\..\\b/c",
        "/a/b\0c/",
        "/a/b\n",
        "",
    ],
)
def test_ids_that_lead_elsewhere_are_refused(tmp_path, name):
    np.save(tmp_path / "images.npy", np.array(["/a/1/", name]))
    np.save(tmp_path / "labels.npy", np.array([0, 0]))
    with pytest.raises(UserError, match=r"entry 1 is .* not of the form '/<class>/<object>/'"):
        read_split(tmp_path / "images.npy", tmp_path / "labels.npy")


def _check_all(root):
    reader = ThreeDIEBench(root)
    for i in range(len(reader.objects)):
        reader.check(i)
    for i in range(len(reader.objects)):
        reader.read(i, 16)


def test_first_mismatch_is_named(tmp_path):
    """Whatever is wrong later in the tree, the sentence is about the first object that does not match."""
    root = make_small_3diebench(tmp_path / "raw")
    _check_all(root)
    (root / "pot/0011/image_1.jpg").unlink()
    with pytest.raises(UserError, match=r"pot/0011 has no image_1.jpg; expected the 3 views"):
        _check_all(root)
    (root / "cup/0006").rename(root / "cup/elsewhere")
    with pytest.raises(UserError, match=r"train_images.npy names object cup/0006, but there is no folder"):
        _check_all(root)
    (root / "pot/0005/latent_2.npy").unlink()
    with pytest.raises(UserError, match=r"pot/0005 has no latent_2.npy"):
        _check_all(root)
    make_image(np.random.default_rng(), 8).save(root / "cup/0002/image_3.jpg")
    with pytest.raises(UserError, match=r"cup/0002 has image_3.jpg, beyond the 3 views"):
        _check_all(root)
    (root / "cup/0000/image_0.jpg").unlink()
    with pytest.raises(UserError, match=r"cup/0000 has no image_0.jpg; this is not 3DIEBench's layout"):
        _check_all(root)


def test_short_first_object_does_not_shorten_the_data_set(tmp_path):
    root = make_small_3diebench(tmp_path / "raw")
    for name in ("image_2.jpg", "latent_2.npy"):
        (root / "cup/0000" / name).unlink()
    with pytest.raises(UserError, match=r"pot/0001 has image_2.jpg, beyond the 2 views of the first object"):
        _check_all(root)


def test_other_files_do_no_harm(tmp_path):
    root = make_small_3diebench(tmp_path / "raw")
    (root / "LICENSE").touch()
    (root / "cup/0000/.DS_Store").touch()
    _check_all(root)


@pytest.mark.parametrize(
    ("latents", "sentence"),
    [
        (np.zeros(6), r"shape \(6,\) instead of \(7,\)"),
        (np.zeros((1, 7)), r"shape \(1, 7\)"),
        (np.array([0, 0, 0, np.nan, 0, 0, 0]), "floor_hue nan"),
        (np.array([0, 0, 0, 0, 0, 0, np.inf]), "light_hue inf"),
        (np.zeros(7, dtype=int), "int64 instead of latents"),
        (np.zeros(7, dtype=complex), "complex128 instead of latents"),
        (np.array([None] * 7, dtype=object), "pickles from outside are never opened"),
    ],
)
def test_wrong_latents_are_refused_and_named(tmp_path, latents, sentence):
    root = make_small_3diebench(tmp_path / "raw")
    np.save(root / "pot/0003/latent_1.npy", latents)
    with pytest.raises(UserError, match=f"pot/0003/latent_1.npy.*{sentence}"):
        _check_all(root)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_truncate, "damaged image .*truncated"),
        (lambda path: path.write_bytes(b""), "damaged image .neither JPEG nor PNG"),
        (lambda path: path.write_text("<html>404</html>"), "damaged image .neither JPEG nor PNG"),
        (lambda path: Image.new("RGB", (48, 40)).save(path), "48 x 40 pixels; only square"),
    ],
)
def test_damaged_images_are_refused_and_named(tmp_path, damage, sentence):
    root = make_small_3diebench(tmp_path / "raw")
    damage(root / "pot/0003/image_1.jpg")
    with pytest.raises(UserError, match=f"pot/0003/image_1.jpg .*{sentence}"):
        _check_all(root)


def test_damaged_latent_file_is_refused_and_named(tmp_path):
    root = make_small_3diebench(tmp_path / "raw")
    path = root / "cup/0000/latent_0.npy"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"cup/0000/latent_0.npy is damaged"):
        _check_all(root)


def test_take_per_class_keeps_the_first(random):
    labels, splits = random.integers(3, size=60), np.repeat([0, 1], [40, 20]).astype(np.uint8)
    expected, seen = [], {}
    for i, key in enumerate(zip(splits.tolist(), labels.tolist(), strict=True)):
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= (5 if key[0] == 0 else 2):
            expected.append(i)
    assert take_per_class(labels, splits, (5, 2)).tolist() == expected
    assert take_per_class(labels, splits, (None, None)).tolist() == list(range(60))
