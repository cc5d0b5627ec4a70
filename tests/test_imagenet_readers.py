"""ImageNet-100 from a folder of ImageNet, and the two data sets that are labelled as it is."""

import re
import shutil

import numpy as np
import pytest
from photograph_trees import make_imagenet, make_imagenet_c, make_objectnet
from PIL import Image
from raw_trees import write_manifest

from workflow_scripts.data.corrupted_views import CORRUPTIONS, GROUPS, STRENGTHS, VIEWS
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import find_normalisation, pack
from workflow_scripts.data.readers import imagenet_c, imagenet_folder, objectnet
from workflow_scripts.data.readers.photographs import read_imagenet100
from workflow_scripts.data.sources.catalogue import load_source
from workflow_scripts.data.sources.provide import provide
from workflow_scripts.experiment import costs
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    return make_imagenet(tmp_path_factory.mktemp("imagenet") / "CLS-LOC")


@pytest.fixture
def corrupted(tmp_path, monkeypatch):
    """A folder of ImageNet-C of the first three classes, as if there were no more: all have 7,500 folders."""
    names = dict(list(read_imagenet100().items())[:3])
    monkeypatch.setattr(imagenet_c, "read_imagenet100", lambda: names)
    return make_imagenet_c(tmp_path / "corrupted", names)


def test_the_list_of_classes():
    names = read_imagenet100()
    assert len(names) == len(set(names.values())) == 100
    assert all(re.fullmatch(r"n\d{8}", name) for name in names)
    assert list(names)[:3] == ["n02869837", "n01749939", "n02488291"]
    assert list(names)[-1] == "n02090622"
    assert (names["n04067472"], names["n02090622"]) == ("reel", "borzoi")


def test_imagenet_100_is_read_from_all_of_imagenet(imagenet):
    (other := imagenet / "train" / "n00000001").mkdir(exist_ok=True)
    shutil.copy(imagenet / "train" / "n02869837" / "n02869837_0.JPEG", other)
    (imagenet / "train" / "n02869837" / "._n02869837_0.JPEG").write_bytes(b"\0")
    (imagenet / "train" / "n02869837" / "notes.txt").write_text("no image")
    reader = imagenet_folder.open_reader(imagenet)
    assert list(reader.classes) == list(read_imagenet100().values())
    assert reader.splits.tolist() == [0] * 200 + [1] * 100
    assert reader.labels.tolist() == [*np.repeat(range(100), 2), *range(100)]
    assert reader.objects[2] == "train/n01749939/n01749939_0.JPEG", "in the list's order, not the ids'"
    assert reader.objects[200] == "val/n02869837/n02869837_0.JPEG"
    reader.check(2)
    images, latents = reader.read(2, 14)
    assert (images.shape, latents.shape) == ((1, 14, 14, 3), (1, 0))
    # Of 20 x 16 pixels, at 14 the shorter side stays 16, of which the centre is cut out.
    whole = np.asarray(Image.open(imagenet / reader.objects[2]))
    np.testing.assert_array_equal(images[0], whole[1:15, 3:17])


def test_imagenet_100_is_packed_from_a_local_folder_only(imagenet, tmp_path):
    raw, manifest = tmp_path / "mine" / "raw", tmp_path / "mine" / "raw.json"
    source = load_source("imagenet-100")
    with pytest.raises(UserError, match=r"imagenet-100 is not downloaded; .*image-net.* sources\.mine\.path"):
        provide(source, raw, manifest)
    provide(source, raw, manifest, imagenet.parent)
    output = tmp_path / "mine" / "packed"
    pack(manifest, output, "imagenet_folder", 8, (1, None), workers=1, classes=3)
    data = PackedDataset(output)
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.meta["mean"] == [0.485, 0.456, 0.406]
    assert data.meta["caveat"].endswith("crops, too; 3 of the 100 classes")
    assert "central square" in data.meta["caveat"]


def test_photographs_are_not_averaged(imagenet, tmp_path):
    manifest = write_manifest(tmp_path / "raw.json", imagenet)
    with pytest.raises(UserError, match=r"stored with 16 pixels a side, but 6 averaged over 2x2 need 12"):
        pack(manifest, tmp_path / "packed", "imagenet_folder", 6, workers=1, average=2)


@pytest.mark.faults
def test_what_imagenet_lacks_is_named(tmp_path):
    root = make_imagenet(tmp_path / "imagenet", 1, 1)
    first, second = list(read_imagenet100())[:2]
    (root / "val" / first / f"{first}_0.JPEG").unlink()
    with pytest.raises(UserError, match=f"val/{first} holds no image, but should hold images of the class bonnet"):
        imagenet_folder.open_reader(root)
    (root / "val" / first).rmdir()
    with pytest.raises(UserError, match=f"val has no folder {first} of the 100 classes"):
        imagenet_folder.open_reader(root)
    (root / "val" / first).write_text("a file in place of a folder")
    shutil.rmtree(root / "val" / second)
    with pytest.raises(UserError, match=f"val has no folder {first} and 1 more of the 100 classes"):
        imagenet_folder.open_reader(root)
    shutil.rmtree(root / "val")
    with pytest.raises(UserError, match=f"val has no folder {first} and 99 more .*train/<id>/ and val/<id>/"):
        imagenet_folder.open_reader(root)


def test_an_image_that_went_away_is_named(tmp_path):
    root = make_imagenet(tmp_path / "imagenet", 1, 1)
    manifest, reader = write_manifest(tmp_path / "raw.json", root), imagenet_folder.open_reader(root)
    (root / reader.objects[7]).unlink()
    with pytest.raises(UserError, match=rf"{reader.objects[7]} is missing or not a file"):
        reader.check(7)
    (root / reader.objects[7]).mkdir()  # a folder that is called as an image
    with pytest.raises(UserError, match=rf"{reader.objects[7]} is missing or not a file"):
        pack(manifest, tmp_path / "packed", "imagenet_folder", 8, workers=1)


def test_objectnet_is_labelled_as_imagenet_100(tmp_path):
    root = make_objectnet(tmp_path / "objectnet-1.0")
    reader, names = objectnet.open_reader(root), read_imagenet100()
    assert len(objectnet.CLASSES) == len(set(objectnet.CLASSES.values())) == 13
    assert set(objectnet.CLASSES.values()) <= set(names)
    assert reader.splits.tolist() == [1] * 26, "the licence forbids to train on it"
    found = {file.split("/")[1]: reader.classes[label] for file, label in zip(reader.objects, reader.labels)}  # noqa: B905
    assert found["chair"] == "rocking chair"
    assert found["wheel"] == "car wheel"
    assert found["iron_for_clothes"] == "iron"
    assert "wok" not in found
    # Of 20 x 16 pixels 16 x 12 are left without the border; the largest square is in the middle.
    whole = np.asarray(Image.open(root / reader.objects[5]))
    np.testing.assert_array_equal(reader.read(5, None)[0][0], whole[2:14, 4:16])
    shutil.rmtree(root / "images" / "jeans")
    (root / "images" / "jeans").write_text("no folder")
    with pytest.raises(UserError, match=r"there is no folder .*images/jeans with images of the class jeans"):
        objectnet.open_reader(root)


def test_test_images_alone_are_packed(tmp_path):
    """There are no train images to take a mean of; evaluations use that of a run's own data anyway."""
    manifest = write_manifest(tmp_path / "raw.json", make_objectnet(tmp_path / "objectnet"))
    pack(manifest, tmp_path / "packed", "objectnet", 8, workers=1)
    data = PackedDataset(tmp_path / "packed")
    assert data.meta["objects"] == {"train": 0, "test": 26}
    assert len(data.meta["classes"]) == 100
    assert len(data.indices("test", 0.0, 0)) == 26
    assert len(data.indices("train", 0.5, 0)) == len(data.indices("val", 0.5, 0)) == 0
    with pytest.raises(UserError, match="there are no train images to take a mean over"):
        find_normalisation(np.zeros((2, 3)), 0)


def test_the_order_of_corruptions():
    assert len(set(CORRUPTIONS)) == 15
    assert [len(names) for names in GROUPS.values()] == [3, 4, 4, 4]
    assert VIEWS[:6] == (*(("gaussian noise", strength) for strength in STRENGTHS), ("shot noise", 1))
    assert VIEWS[-1] == ("jpeg compression", 5)
    assert imagenet_c.FOLDERS[5] == "shot_noise/1"


def test_imagenet_c_has_75_views_of_an_image(corrupted, tmp_path):
    reader = imagenet_c.open_reader(corrupted)
    assert (reader.views, len(reader.objects), set(reader.splits.tolist())) == (75, 3, {1})
    assert reader.labels.tolist() == [0, 1, 2]
    assert list(reader.classes) == ["bonnet", "green mamba", "langur"]
    reader.check(2)
    images, latents = reader.read(2, 8)
    assert (images.shape, latents.shape) == ((75, 8, 8, 3), (75, 0))
    for view in (0, 7, 74):
        name, strength = VIEWS[view]
        file = corrupted / name.replace(" ", "_") / str(strength) / reader.objects[2]
        wanted = Image.open(file).resize((8, 8), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(images[view], np.asarray(wanted))
    manifest = write_manifest(tmp_path / "raw.json", corrupted)
    pack(manifest, tmp_path / "packed", "imagenet_c", 8, (None, 1), workers=1, classes=2)
    np.testing.assert_array_equal(PackedDataset(tmp_path / "packed").inputs[1], reader.read(1, 8)[0])


@pytest.mark.faults
def test_what_imagenet_c_lacks_is_named(corrupted, tmp_path):
    reader = imagenet_c.open_reader(corrupted)
    file = corrupted / "snow" / "3" / reader.objects[1]
    shutil.move(file, tmp_path / "away")
    with pytest.raises(UserError, match=rf"snow/3/{reader.objects[1]} is missing .*gaussian_noise/1 has its like"):
        reader.check(1)
    Image.new("RGB", (20, 16)).save(file)
    with pytest.raises(UserError, match="20 x 16 pixels; only square images are read"):
        reader.read(1, 8)
    Image.new("RGB", (20, 20)).save(file)
    with pytest.raises(UserError, match="is stored with several sizes"):
        reader.read(1, None)
    shutil.move(tmp_path / "away", file)
    with pytest.raises(UserError, match=r"there is no folder .*gaussian_noise/1/n02869837"):
        imagenet_c.open_reader(tmp_path)


def test_costs_count_views():
    source = {"download": "imagenet-c", "layout": "imagenet_c", "resolution": 64}
    config = {"sources": {"c": source, "less": {**source, "classes": 10, "per_class": {"train": 1, "test": 2}}}}
    assert costs.count_inputs(config, "c") == 100 * 50 * 75
    assert costs.packed_bytes(config, "less") == 10 * 3 * 75 * 64 * 64 * 3
