"""Neighbours among changed images: those of pixels against a loop, and a figure that shows what was found."""

import colorsys
import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from raw_trees import make_cifar_tree, write_manifest
from small_runs import open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.reporting.evaluations import FILE, read_evaluation
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.image_neighbours import ImageNeighboursFigure
from workflow_scripts.reporting.image_neighbours import change_image
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
AUGMENTATIONS = [{"kind": "color_jitter", "group": "color"}, {"kind": "rotation", "group": "rotation"}]
VIEWS = {
    "augmented": {"kind": "augmented", "augmentations": AUGMENTATIONS},
    "as pixels": {"kind": "augmented", "augmentations": AUGMENTATIONS, "normalise": False},
    "transformable": {"kind": "transformable", "groups": {"rotation": {"kind": "rotation"}}},
}
QUESTIONS = [("rotation", 0), ("rotation", 1), ("hue", 0), ("hue", 2)]
TEST, SIDE, COUNT = 20, 8, 5  # images of the test split, their side, and neighbours that count


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", 2, TEST // 10))
    pack(manifest, folder / "packed", "cifar10", SIDE, workers=1)
    return folder / "packed"


def change_slowly(image, task, value):
    """An image in [0, 1] turned pixel by pixel, or each pixel's hue."""
    changed = np.empty_like(image)
    for y in range(SIDE):
        for x in range(SIDE):
            if task == "rotation":
                source = [(y, x), (x, SIDE - 1 - y), (SIDE - 1 - y, SIDE - 1 - x), (SIDE - 1 - x, y)][value]
                changed[y, x] = image[source]
            else:
                hue, saturation, brightness = colorsys.rgb_to_hsv(*image[y, x])
                changed[y, x] = colorsys.hsv_to_rgb((hue + value / 4) % 1, saturation, brightness)
    return changed


@pytest.fixture(scope="module")
def changed(packed):
    """The test images (4, n, H, W, 3) in [0, 1] of each task, in all values."""
    stored = np.load(packed / "inputs.npy")[-TEST:, 0] / 255
    return {
        task: np.stack([[change_slowly(image, task, value) for image in stored] for value in range(4)])
        for task in ("rotation", "hue")
    }


def list_nearest(images, query, value):
    """Cosine, image and value of all other images in all values, the nearest first. images: (4, n, D)."""
    asked = images[value, query]
    found = [
        (asked @ vector / np.linalg.norm(asked) / np.linalg.norm(vector), image, own)
        for own, vectors in enumerate(images)
        for image, vector in enumerate(vectors)
        if image != query
    ]
    return sorted(found, reverse=True)


@pytest.mark.parametrize("kind", VIEWS)
def test_neighbours_of_pixels_match_a_loop(kind, packed, changed, tmp_path):
    run = open_small(tmp_path, "raw", VIEWS[kind], packed)
    evaluator = make_evaluator("image_neighbours", {"neighbours": COUNT, "queries": 6})
    assert evaluator.skip(run) == ""
    rows, shown = list(evaluator.rows(run)), evaluator.exhibit(run)
    assert shown == json.loads(json.dumps(shown))
    assert {(row["representation"], row["metric"], row["n"]) for row in rows} == {("h", "neighbours_agree", 6)}
    assert [row["task"] for row in rows] == ["rotation", "hue"]
    assert [(entry["task"], entry["value"]) for entry in shown[::3]] == QUESTIONS
    meta = json.loads((packed / "meta.json").read_text())
    mean, std = (meta["mean"], meta["std"]) if kind == "augmented" else (0, 1)
    vectors = {task: ((images - mean) / std).reshape(4, TEST, -1) for task, images in changed.items()}
    queries = np.array(list(dict.fromkeys(entry["object"] for entry in shown)))
    assert len(queries) == 3
    for entry in shown:
        nearest = list_nearest(vectors[entry["task"]], entry["object"], entry["value"])[:6]
        assert [found[:2] for found in entry["nearest"]] == [list(found[1:]) for found in nearest]
        assert [found[2] for found in entry["nearest"]] == pytest.approx([found[0] for found in nearest], abs=1e-4)


def test_agreement_is_a_mean_over_queries_in_all_values(packed, changed, tmp_path):
    run = open_small(tmp_path, "raw", VIEWS["as pixels"], packed)
    rows = make_evaluator("image_neighbours", {"neighbours": COUNT}).rows(run)
    for row in rows:
        images = changed[row["task"]].reshape(4, TEST, -1)
        asked = [(query, value) for query in range(TEST) for value in range(4)]
        agreeing = [np.mean([own == v for *_, own in list_nearest(images, q, v)[:COUNT]]) for q, v in asked]
        assert row["value"] == pytest.approx(100 * np.mean(agreeing), abs=1.01 * 100 / COUNT / len(asked))
        assert row["n"] == TEST
    fewer = make_evaluator("image_neighbours", {"objects": 7, "tasks": ["rotation"]})
    assert [row["n"] for row in fewer.rows(run)] == [7]
    assert len({image for entry in fewer.exhibit(run) for image, *_ in entry["nearest"]}) <= 7


def test_what_cannot_be_measured_says_why(packed, tmp_path):
    blind = open_small(tmp_path / "blind", "constant", VIEWS["augmented"], packed)
    assert [row["value"] for row in make_evaluator("image_neighbours", {}).rows(blind)] == [25, 25]
    plain = open_small(tmp_path / "plain", "raw", {"kind": "plain"}, packed)
    assert "images that views are made of" in make_evaluator("image_neighbours", {}).skip(plain)


def test_the_figure_changes_images_as_the_evaluation_does(packed, changed):
    stored = np.load(packed / "inputs.npy")[-TEST:, 0]
    for task, images in changed.items():
        for value in range(4):
            for image, wanted in zip(stored, images[value], strict=True):
                np.testing.assert_allclose(change_image(image, task, value), 255 * wanted, atol=0.51)


@pytest.fixture
def subject(packed, tmp_path):
    """Two runs with neighbours, and one that was deleted."""
    runs = []
    for name, representations in (("simclr", ["h"]), ("simclr~long", ["h", "z_all"])):
        runs.append(tmp_path / "results" / "space" / "toy" / name / "seed0")
        exhibits = [
            {"representation": representation, "task": task, "value": value, "object": place}
            | {"nearest": [[(place + i) % TEST, (value + i) % 2, 0.5] for i in (1, 2, 3)]}
            for representation in representations
            for task, value in QUESTIONS
            for place in (4, 9)
        ]
        write_json(runs[-1] / FILE, {"skipped": {}, "exhibits": {"image_neighbours": exhibits}})
    runs.append(runs[0].parents[1] / "sie@rotation" / "seed0")
    return Subject("toy", "embedded data.", None, tuple(runs), packed)


def read_texts(figure):
    """Every line of text in a figure, joined."""
    axes = figure.axes
    artists = [*figure.texts, *(text for axis in axes for text in (axis.title, *axis.get_yticklabels()))]
    plt.close(figure)
    return " ".join(" ".join(artist.get_text() for artist in artists).split())


def test_the_figure_shows_queries_and_what_is_near(subject):
    figure = ImageNeighboursFigure(representations=("h", "z_all")).draw(subject)
    assert len(figure.axes) == 2 * len(QUESTIONS)
    stored, pitch = np.load(subject.packed / "inputs.npy")[-TEST:, 0], SIDE + 1
    sheet = figure.axes[len(QUESTIONS) + 1].images[0].get_array()  # of the second query, turned
    assert sheet.shape == (3 * pitch, 4 * pitch + SIDE // 4, 3)
    for column, (image, turns) in enumerate(((9, 1), (10, 0), (11, 1), (12, 0))):
        left = column * pitch + (SIDE // 4 if column else 0)
        block = sheet[2 * pitch : 2 * pitch + SIDE, left : left + SIDE]
        assert np.array_equal(block, np.rot90(stored[image], turns))
    assert len(figure.axes[len(QUESTIONS) + 1].patches) == 3  # one is changed alike in each line
    shown = read_texts(figure)
    for text in (
        "simclr, h",
        "simclr~long, z_all",
        "turned by 90°;",
        "hue turned by 180°",
        "as it is;",
        "absent: sie@rotation.",
    ):
        assert text in shown


def test_the_figure_says_what_is_absent(subject):
    one = read_texts(ImageNeighboursFigure(runs=("simclr~long",)).draw(subject))
    assert "simclr~long" in one
    assert "simclr " not in one
    assert "absent" not in one
    assert "no stored neighbours" in read_texts(ImageNeighboursFigure(runs=("moco",)).draw(subject))
    content = read_evaluation(subject.runs[0])
    content["exhibits"]["image_neighbours"][0]["object"] = TEST
    write_json(subject.runs[0] / FILE, content)
    with pytest.raises(UserError, match="are not of the data in"):
        ImageNeighboursFigure().draw(subject)
    assert ImageNeighboursFigure().suits({"views": "augmented"})
    assert not ImageNeighboursFigure().suits({"views": "stored"})
