"""Flowers-102, CUB-200-2011 and iNaturalist 2019: what is read of their official files, and what is refused."""

import io
import json
import re
import tarfile

import numpy as np
import pytest
import scipy.io
from photograph_trees import FLOWERS, make_birds, make_flowers, make_species, write_matlab
from PIL import Image
from project import tell

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.readers import cub200, flowers102, inaturalist
from workflow_scripts.data.sources.catalogue import load_source
from workflow_scripts.data.sources.provide import provide
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]


def test_flowers_train_on_train_and_validation_images(tmp_path):
    reader = flowers102.open_reader(make_flowers(tmp_path))
    numbers = [int(name[10:15]) for name in reader.objects]
    parts = [[i for i, (_, part) in enumerate(FLOWERS, 1) if part == number] for number in (1, 2, 3)]
    assert numbers == parts[0] + parts[1] + parts[2]
    assert reader.splits.tolist() == [0] * 6 + [1] * 4
    assert reader.labels.tolist() == [FLOWERS[number - 1][0] - 1 for number in numbers]
    assert (len(reader.classes), reader.classes[101]) == (102, "flower 102")
    images, latents = reader.read(3, 14)
    assert latents.shape == (1, 0)
    whole = np.asarray(Image.open(tmp_path / "jpg" / f"image_{numbers[3]:05d}.jpg"))
    np.testing.assert_array_equal(images[0], whole[1:15, 3:17])


def test_flowers_come_from_the_official_archive(tmp_path):
    """The lists stand beside the archive, or in the folder; what they differ in is said."""
    tree, archive = make_flowers(tmp_path / "tree"), tmp_path / "102flowers.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tree / "jpg", "jpg")
    for name in ("imagelabels.mat", "setid.mat"):
        (tmp_path / name).write_bytes((tree / name).read_bytes())
    manifest = tmp_path / "flowers" / "raw.json"
    provide(load_source("flowers-102"), tmp_path / "flowers" / "raw", manifest, archive)
    pack(manifest, tmp_path / "flowers" / "packed", "flowers102", 8, workers=1)
    data = PackedDataset(tmp_path / "flowers" / "packed")
    assert data.inputs.shape == (10, 1, 8, 8, 3)
    assert "is not the published 102flowers.tgz" in data.meta["caveat"]
    assert "imagelabels.mat, setid.mat differ from the published ones" in data.meta["caveat"]
    # Nobody publishes a mean of these: it is that of the train images.
    np.testing.assert_allclose(data.meta["mean"], data.inputs[:6].mean(axis=(0, 1, 2, 3)) / 255, atol=1e-6)


def save(root, name, **arrays):
    scipy.io.savemat(root / name, {key: np.array(value) for key, value in arrays.items()})


LABELS, SETS = "imagelabels.mat", "setid.mat"
FLOWER_FAULTS = [
    (lambda root: (root / LABELS).unlink(), "imagelabels.mat is missing"),
    (lambda root: (root / LABELS).write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200)), "imagelabels.mat is damaged"),
    (lambda root: (root / LABELS).write_bytes((root / LABELS).read_bytes()[:150]), "imagelabels.mat is damaged"),
    (lambda root: save(root, LABELS, other=[1]), r"no labels can be read from it \(KeyError\)"),
    (lambda root: save(root, LABELS, labels=[0] * 10), "labels is no list of whole numbers from 1 to 102"),
    (lambda root: save(root, LABELS, labels=[103] * 10), "labels is no list of whole numbers"),
    (lambda root: save(root, LABELS, labels=[1.5] * 10), "labels is no list of whole numbers"),
    (lambda root: save(root, LABELS, labels=[[1, 2], [3, 4]]), "labels is no list of whole numbers"),
    (lambda root: save(root, LABELS, labels="text"), "labels is no list of whole numbers"),
    (lambda root: save(root, LABELS, labels=[1, 2]), "is no list of whole numbers from 1 to 2"),
    (lambda root: save(root, SETS, trnid=[1], valid=[2], tstid=[11]), "tstid is no list of .* from 1 to 10"),
    (lambda root: save(root, SETS, trnid=[1], tstid=[2]), "no valid can be read"),
    (lambda root: save(root, SETS, trnid=[1, 3], valid=[2], tstid=[3]), "an image stands in two splits"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("damage", "sentence"), FLOWER_FAULTS)
def test_damaged_lists_of_flowers_are_named(tmp_path, damage, sentence):
    write_matlab(tmp_path, [label for label, _ in FLOWERS], {"trnid": [1, 2], "valid": [3], "tstid": [4, 10]})
    flowers102.open_reader(tmp_path)
    damage(tmp_path)
    assert re.search(sentence, tell(flowers102.open_reader, tmp_path))


def test_a_flower_that_is_listed_and_not_there(tmp_path):
    reader = flowers102.open_reader(make_flowers(tmp_path))
    (tmp_path / reader.objects[1]).unlink()
    reader.check(0)
    with pytest.raises(UserError, match=f"{reader.objects[1]} is missing or not a file, although it is listed"):
        reader.check(1)


def test_birds_are_split_as_the_authors_say(tmp_path):
    reader = cub200.open_reader(make_birds(tmp_path / "CUB_200_2011"))
    assert list(reader.classes) == ["Black footed Albatross", "Laysan Albatross", "Sooty Albatross"]
    assert reader.splits.tolist() == [0] * 9 + [1] * 3
    assert reader.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2]
    assert reader.objects[9] == "images/001.Black_footed_Albatross/Black_footed_Albatross_0003_3.jpg"
    assert reader.read(9, 8)[0].shape == (1, 8, 8, 3)


def test_birds_of_part_of_the_classes_have_to_be_meant(tmp_path):
    make_birds(tmp_path / "CUB_200_2011")
    (tmp_path / "attributes.txt").write_text("beside the folder, as in the official archive\n")
    manifest, output = tmp_path / "birds" / "raw.json", tmp_path / "birds" / "packed"
    provide(load_source("cub-200-2011"), tmp_path / "birds" / "raw", manifest, tmp_path)
    with pytest.raises(UserError, match=r"holds 3 of the 200 classes .*sources\.birds\.classes: 3"):
        pack(manifest, output, "cub200", 8, workers=1)
    pack(manifest, output, "cub200", 8, workers=1, classes=3)
    assert len(PackedDataset(output)) == 12


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


IMAGES, OF, SPLIT = "images.txt", "image_class_labels.txt", "train_test_split.txt"
BIRD_FAULTS = [
    (lambda root: (root / IMAGES).unlink(), "images.txt is missing"),
    (lambda root: (root / IMAGES).write_text(""), "images.txt is empty"),
    (lambda root: (root / IMAGES).write_bytes(b"\xff\xfe1 a/b.jpg\n"), "images.txt is damaged: it is no text"),
    (lambda root: edit(root / IMAGES, "1 001", "1 x 001"), "'1 x 001.*' is not a line of 2 columns"),
    (lambda root: edit(root / IMAGES, "2 001", "3 001"), "not numbered from 1 to 12"),
    (lambda root: edit(root / IMAGES, "1 001.Black_footed_Albatross/", "1 ../"), "is not <folder>/<name>.jpg"),
    (lambda root: edit(root / IMAGES, "_0001_1.jpg", ".txt"), "is not <folder>/<name>.jpg"),
    (lambda root: edit(root / OF, "12 3\n", ""), "a list of 11 images, images.txt of 12"),
    (lambda root: edit(root / OF, "12 3\n", "12 4\n"), "image 12 has the class '4', of 3"),
    (lambda root: edit(root / SPLIT, "5 1\n", "5 2\n"), "image 5 .* in the split '2', of 0 and 1"),
    (lambda root: (root / "classes.txt").unlink(), "classes.txt is missing"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("damage", "sentence"), BIRD_FAULTS)
def test_damaged_lists_of_birds_are_named(tmp_path, damage, sentence):
    make_birds(tmp_path)
    damage(tmp_path)
    assert re.search(sentence, tell(cub200.open_reader, tmp_path))


def test_species_are_tested_on_the_validation_list(tmp_path):
    reader = inaturalist.open_reader(make_species(tmp_path))
    assert list(reader.classes) == ["Parus b", "Quercus c", "Amanita a"], "by ascending id"
    assert reader.splits.tolist() == [0] * 12 + [1] * 3
    assert reader.objects[:3].tolist() == [f"train_val2019/Things/{c}/train0{i}.jpg" for i, c in enumerate((7, 3, 5))]
    assert reader.labels.tolist() == [2, 0, 1] * 5
    reader.check(13)
    assert reader.read(13, 8)[0].shape == (1, 8, 8, 3)


def change(root, edit_table, split="train"):
    table = json.loads((root / f"{split}2019.json").read_text())
    edit_table(table)
    (root / f"{split}2019.json").write_text(json.dumps(table))


SPECIES_FAULTS = [
    (lambda root: (root / "val2019.json").unlink(), "val2019.json is missing"),
    (lambda root: (root / "train2019.json").write_text("[" * 100_000), "is no list of images.*Recursion"),
    (lambda root: (root / "train2019.json").write_text("[1, 2]"), r"is no list of images, .*TypeError"),
    (lambda root: (root / "train2019.json").write_bytes(b"[\xff]"), "is no list of images.*Unicode"),
    (lambda root: change(root, lambda t: t.pop("annotations")), "is no list of images.*'annotations'"),
    (lambda root: change(root, lambda t: t["images"][0].update(id=None)), "None is no whole number"),
    (lambda root: change(root, lambda t: t["annotations"].pop()), "do not have one annotation each"),
    (lambda root: change(root, lambda t: t["annotations"].append(t["annotations"][0])), "one annotation each"),
    (lambda root: change(root, lambda t: t["images"].append(t["images"][0])), "one annotation each"),
    (lambda root: change(root, lambda t: t["annotations"][3].update(category_id=4)), "of the category 4, which it"),
    (lambda root: change(root, lambda t: t["images"][0].update(file_name="../../a.jpg")), "'../../a.jpg' is not the"),
    (lambda root: change(root, lambda t: t["images"][0].update(file_name="/etc/a.jpg")), "'/etc/a.jpg' is not the"),
    (lambda root: change(root, lambda t: t["categories"].pop(), "val"), "has other categories|does not list"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("damage", "sentence"), SPECIES_FAULTS)
def test_damaged_lists_of_species_are_named(tmp_path, damage, sentence):
    make_species(tmp_path)
    damage(tmp_path)
    assert re.search(sentence, tell(inaturalist.open_reader, tmp_path))


def test_the_files_of_birds_are_those_of_a_real_archive_form(tmp_path):
    """The archive has one folder and a file beside it."""
    tree, archive = make_birds(tmp_path / "CUB_200_2011"), tmp_path / "CUB_200_2011.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("attributes.txt"), io.BytesIO(b""))
        tar.add(tree, "CUB_200_2011")
    manifest = tmp_path / "birds" / "raw.json"
    provide(load_source("cub-200-2011"), tmp_path / "birds" / "raw", manifest, archive)
    root = json.loads(manifest.read_text())["root"]
    assert len(cub200.open_reader(tmp_path / root).objects) == 12
