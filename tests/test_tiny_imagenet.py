"""The reader of Tiny-ImageNet-200: what it reads, part of the classes where that is meant, and what it refuses."""

import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from project import tell
from raw_trees import make_image, write_manifest

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.readers.tiny_imagenet import open_reader
from workflow_scripts.data.sources.catalogue import load_source
from workflow_scripts.data.sources.provide import provide
from workflow_scripts.experiment import costs
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]
IDS = ["n02124075", "n04067472", "n04540053"]  # in the list's own order


@pytest.fixture
def tree(tmp_path, random):
    """A tree of three classes with 12 training and 2 val images each, 16 pixels a side."""
    root = tmp_path / "tiny-imagenet-200"
    for name in IDS:
        (root / "train" / name / "images").mkdir(parents=True)
        (root / "train" / name / f"{name}_boxes.txt").write_text("no image\n")
        for i in range(12):
            make_image(random, 16).save(root / "train" / name / "images" / f"{name}_{i}.JPEG")
    (root / "val" / "images").mkdir(parents=True)
    for i in range(6):
        make_image(random, 16).save(root / "val" / "images" / f"val_{i}.JPEG")
    lines = [f"val_{i}.JPEG\t{IDS[2 - i % 3]}\t0\t0\t15\t15\n" for i in (3, 0, 1, 2, 4, 5)]
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("".join(f"{name}\n" for name in IDS))
    names = ["Egyptian cat", "reel, spool", "volleyball"]
    others = "n00001740\tentity\nn00000001\treel\n"
    (root / "words.txt").write_text(others + "".join(f"{i}\t{n}\n" for i, n in zip(IDS, names, strict=True)))
    return root


def test_tree(tree):
    reader = open_reader(tree)
    assert list(reader.classes) == ["Egyptian cat", "reel", "volleyball"]
    assert reader.splits.tolist() == [0] * 36 + [1] * 6
    assert reader.labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12 + [2, 2, 1, 0, 1, 0]
    first = [f"train/{IDS[0]}/{IDS[0]}_{i}.JPEG" for i in range(12)]
    assert reader.objects[:12].tolist() == first, "by number, not 0, 1, 10, 11, 2"
    assert reader.objects[36:].tolist() == [f"val/val_{i}.JPEG" for i in (3, 0, 1, 2, 4, 5)]
    for i, path in ((14, f"train/{IDS[1]}/images/{IDS[1]}_2.JPEG"), (36, "val/images/val_3.JPEG")):
        images, latents = reader.read(i, 16)
        assert latents.shape == (1, 0)
        np.testing.assert_array_equal(images[0], np.asarray(Image.open(tree / path)))


def test_grey_images_become_rgb(tree):
    path = tree / "train" / IDS[0] / "images" / f"{IDS[0]}_0.JPEG"
    grey = Image.open(path).convert("L")
    grey.save(path)
    images, _ = open_reader(tree).read(0, 16)
    np.testing.assert_array_equal(images[0], np.repeat(np.asarray(Image.open(path))[..., None], 3, axis=2))


def test_stray_files_are_ignored(tree):
    before = open_reader(tree).objects.tolist()
    for folder in (tree, tree / "train", tree / "train" / IDS[1], tree / "train" / IDS[1] / "images", tree / "val"):
        (folder / ".DS_Store").write_bytes(b"\0")
    for stray in (f"._{IDS[1]}_0.JPEG", f"{IDS[0]}_0.JPEG", f"{IDS[1]}_0.JPEG.part", "Thumbs.db"):
        (tree / "train" / IDS[1] / "images" / stray).write_bytes(b"\0")
    (tree / "val" / "images" / ".DS_Store").write_bytes(b"\0")
    assert open_reader(tree).objects.tolist() == before


def test_classes_of_one_name_are_told_apart(tree):
    text = (tree / "words.txt").read_text()
    (tree / "words.txt").write_text(text.replace("volleyball", "reel, fishing reel"))
    assert list(open_reader(tree).classes) == ["Egyptian cat", f"reel ({IDS[1]})", f"reel ({IDS[2]})"]


def test_part_of_the_classes(tree, tmp_path):
    """A tree of fewer classes has to be meant; then the first of the list are kept."""
    manifest = write_manifest(tmp_path / "raw.json", tree, source="tiny")
    output = tmp_path / "mine" / "packed"
    with pytest.raises(UserError, match=r"holds 3 of the 200 classes of tiny; .* sources\.mine\.classes: 3$"):
        pack(manifest, output, "tiny_imagenet", 8, workers=1)
    with pytest.raises(UserError, match=r"has 3 classes here, not 4; set sources\.mine\.classes to at most 3"):
        pack(manifest, output, "tiny_imagenet", 8, workers=1, classes=4)
    pack(manifest, output, "tiny_imagenet", 8, (5, None), workers=1, classes=2, average=2)
    data = PackedDataset(output)
    assert data.meta["classes"] == ["Egyptian cat", "reel"]
    assert data.labels.tolist() == [0] * 5 + [1] * 5 + [1, 0, 1, 0]
    assert data.objects[-4:].tolist() == [f"val/val_{i}.JPEG" for i in (1, 2, 4, 5)]
    grid, part, averaged = data.meta["caveat"].split("; ")
    assert "JPEG" in grid
    assert (part, averaged) == ("2 of the 200 classes", "each pixel is the mean of 2x2 stored ones")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


LIST, ANNOTATIONS = "wnids.txt", "val/val_annotations.txt"
FAULTS = [
    (lambda root: (root / LIST).unlink(), "wnids.txt is missing"),
    (lambda root: (root / LIST).write_text("\n"), "wnids.txt is empty"),
    (lambda root: (root / LIST).write_bytes(b"\xff\xfe\0"), "wnids.txt is damaged: it is no text"),
    (lambda root: edit(root / LIST, IDS[0], "../../etc"), "'../../etc' is no id of a class"),
    (lambda root: edit(root / LIST, IDS[0], IDS[1]), f"names the class {IDS[1]} twice"),
    (lambda root: edit(root / LIST, IDS[0], "n00000001"), "there is no folder .*n00000001/images"),
    (lambda root: (root / "words.txt").unlink(), "words.txt is missing"),
    (lambda root: edit(root / "words.txt", f"{IDS[2]}\t", "n9\t"), f"words.txt has no name for the class {IDS[2]}"),
    (lambda root: (root / ANNOTATIONS).unlink(), "val_annotations.txt is missing"),
    (lambda root: edit(root / ANNOTATIONS, "val_4.JPEG", "../x.JPEG"), "line 5 is '../x.JPEG.*not an image like"),
    (lambda root: edit(root / ANNOTATIONS, f"\t{IDS[0]}", "\tn00000001"), "line 4 is .*n00000001.*of wnids.txt"),
    (lambda root: edit(root / ANNOTATIONS, "\t", " "), "line 1 is 'val_3.JPEG n"),
    (lambda root: edit(root / ANNOTATIONS, "val_4", "val_5"), "names val_5.JPEG twice"),
    (lambda root: (root / "val/images/val_2.JPEG").unlink(), "names val_2.JPEG but it is not in .*val/images"),
    (lambda root: (root / f"train/{IDS[1]}/images/{IDS[1]}_7.JPEG").unlink(), f"has 11 images of class {IDS[1]}"),
    (lambda root: edit(root / ANNOTATIONS, f"\t{IDS[2]}", f"\t{IDS[0]}"), "val has 1 images of class"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("damage", "sentence"), FAULTS)
def test_what_is_damaged_or_missing_is_named(tree, damage, sentence):
    open_reader(tree)
    damage(tree)
    assert re.search(sentence, tell(open_reader, tree))


def test_a_damaged_image_is_named(tree):
    path = tree / "val" / "images" / "val_0.JPEG"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(UserError, match=r"val_0\.JPEG is a damaged image"):
        open_reader(tree).read(37, 16)


def make_config(**source):
    return {"sources": {"tiny": {"download": "tiny-imagenet-200", "layout": "tiny_imagenet", **source}}}


@pytest.mark.parametrize(
    ("source", "images"),
    [
        ({}, 110_000),
        ({"classes": 50}, 27_500),
        ({"classes": None}, 110_000),
        ({"classes": 50, "per_class": {"train": 100, "test": 10}}, 50 * 110),
        ({"classes": 50, "per_class": {"train": 1000, "test": 1000}}, 27_500),
    ],
)
def test_costs_count_the_classes_that_are_kept(source, images):
    assert costs.count_inputs(make_config(**source), "tiny") == images
    assert costs.packed_bytes(make_config(**source, resolution=32, average=2), "tiny") == images * 32 * 32 * 3


def test_real_images(tmp_path, shared_data):
    """The official files of two classes: unpacked from a zip, averaged to 32 pixels."""
    with zipfile.ZipFile(shared_data / "tiny-imagenet-50.zip") as archive:
        top = "tiny-imagenet-200"
        ids = archive.read(f"{top}/wnids.txt").decode().split()[:2]
        lines = archive.read(f"{top}/val/val_annotations.txt").decode().splitlines(True)
        mine = {name: [line for line in lines if line.split("\t")[1] == name][:3] for name in ids}
        wanted = [f"train/{name}/images/{name}_{i}.JPEG" for name in ids for i in range(8)]
        wanted += [f"val/images/{line.split()[0]}" for name in ids for line in mine[name]]
        with zipfile.ZipFile(tmp_path / "tiny.zip", "w") as part:
            for file in (*wanted, "words.txt"):
                part.writestr(f"{top}/{file}", archive.read(f"{top}/{file}"))
            part.writestr(f"{top}/wnids.txt", "\n".join(ids))
            part.writestr(f"{top}/val/val_annotations.txt", "".join(line for name in ids for line in mine[name]))
    raw, manifest = tmp_path / "tiny" / "raw", tmp_path / "tiny" / "raw.json"
    provide(load_source("tiny-imagenet-200"), raw, manifest, tmp_path / "tiny.zip")
    pack(manifest, tmp_path / "tiny" / "packed", "tiny_imagenet", 32, workers=1, classes=2, average=2)
    data = PackedDataset(tmp_path / "tiny" / "packed")
    assert data.inputs.shape == (22, 1, 32, 32, 3)
    assert data.labels.tolist() == [0] * 8 + [1] * 8 + [0] * 3 + [1] * 3
    assert len(set(data.meta["classes"])) == 2
    assert data.meta["caveat"].startswith(
        "unpacked from tiny.zip, which is not the published tiny-imagenet-200.zip; the images"
    )
    image = Image.open(raw / "tiny-imagenet-200" / "train" / ids[1] / "images" / f"{ids[1]}_5.JPEG").convert("RGB")
    stored = np.asarray(image, dtype=int)
    quarter = stored[0::2, 0::2] + stored[0::2, 1::2] + stored[1::2, 0::2] + stored[1::2, 1::2]
    np.testing.assert_array_equal(data.inputs[13, 0], np.round(quarter / 4))
