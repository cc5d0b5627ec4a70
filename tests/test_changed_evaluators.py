"""What features keep of turned and recolored images, and on corrupted ones: numbers whose truth is known."""

import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from painted import pack_painted, paint_color, paint_noise, paint_slope, read_images
from PIL import Image
from scipy.ndimage import gaussian_filter
from small_runs import open_small
from torchvision.transforms.v2 import functional as TF

from workflow_scripts.evaluation import image_corruptions
from workflow_scripts.evaluation.evaluators import corruptions, transformations
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.image_corruptions import CORRUPTIONS, STRENGTHS, make_corruption
from workflow_scripts.evaluation.linear import learn_classes
from workflow_scripts.evaluation.linear_settings import LinearSettings

pytestmark = pytest.mark.unit
VIEWS = {"kind": "augmented", "augmentations": [{"kind": "rotation", "group": "turn"}], "evaluation_views": 1}
PROBE = {"epochs": 15, "batch": 32, "lr": 0.1, "milestones": [], "standardise": True}


@pytest.fixture(scope="module")
def folders(unsynced, tmp_path_factory):
    painters = {"colors": paint_color, "slopes": paint_slope, "noise": paint_noise}
    return {name: pack_painted(tmp_path_factory.mktemp(name), paint) for name, paint in painters.items()}


def measure(name, run, **settings):
    evaluator = make_evaluator(name, {"probe": PROBE, **settings})
    assert evaluator.skip(run) == ""
    return list(evaluator.rows(run))


@pytest.mark.parametrize(("images", "rotation", "hue"), [("slopes", 100, 25), ("colors", 25, 100)])
def test_what_the_pixels_show_is_told(images, rotation, hue, folders, tmp_path):
    """A slope of grey has a direction and no hue; a flat color has a hue and no direction."""
    rows = measure("transformations", open_small(tmp_path, "raw", VIEWS, folders[images]))
    assert [(row["representation"], row["task"], row["metric"], row["n"]) for row in rows] == [
        ("h", "rotation", "accuracy", 30),
        ("h", "hue", "accuracy", 30),
    ]
    assert [row["value"] for row in rows] == pytest.approx([rotation, hue], abs=5)


def test_constant_features_score_chance(folders, tmp_path):
    rows = measure("transformations", open_small(tmp_path, "constant", VIEWS, folders["slopes"]))
    assert [row["value"] for row in rows] == [25, 25]


def test_each_image_is_there_in_each_value(folders, tmp_path, monkeypatch):
    seen, fit = {}, transformations.fit_linear

    def watch(features, labels, classes, settings, device, *purpose):
        seen[purpose[2], purpose[3]] = features, labels, classes
        return fit(features, labels, classes, settings, device, *purpose)

    monkeypatch.setattr(transformations, "fit_linear", watch)
    run = open_small(tmp_path, "looc", VIEWS, folders["noise"])
    rows = measure("transformations", run, objects=20, tasks=["rotation", "hue", "rotation"])
    spaces = ["h", "z_all", "z_turn", "outputs", "hidden", "untrained"]
    assert [(row["task"], row["representation"]) for row in rows] == [
        (t, s) for t in ("rotation", "hue") for s in spaces
    ]
    mean, std = (torch.tensor(run._others._own[key]).view(3, 1, 1) for key in ("mean", "std"))
    images = torch.from_numpy(read_images(folders["noise"], "train"))
    changes = {
        "rotation": lambda value: images.rot90(value, dims=(2, 3)),
        "hue": lambda value: TF.adjust_hue(images, value / 4 if value < 3 else -1 / 4),
    }
    for task, change in changes.items():
        features, labels, classes = seen[task, "h"]
        assert (classes, features.shape) == (4, (80, run.method.encoder.dim))
        np.testing.assert_array_equal(labels, np.repeat(range(4), 20))
        with torch.no_grad():
            all_changed = [run.method.encoder((change(value) - mean) / std).numpy() for value in range(4)]
        distances = np.abs(all_changed[0][None] - features[:20, None]).max(axis=2)
        places = distances.argmin(axis=1)  # of those that were drawn
        assert len(set(places.tolist())) == 20
        np.testing.assert_allclose(features, np.concatenate([own[places] for own in all_changed]), atol=1e-4)
        assert seen[task, "hidden"][0].shape == (80, 2 * run.method.settings.hidden)


def test_rows_of_tables_have_no_images_to_change():
    run = SimpleNamespace(settings={"dataset": {"views": {"kind": "tabular"}}}, attributes=["gender"])
    for name in ("transformations", "corruptions"):
        assert make_evaluator(name, {}).skip(run) == "the data are rows of a table, not images"
    assert make_evaluator("linear", {}).skip(run) == "the class is read together with the attributes"


def test_noise_is_as_strong_as_it_says():
    grey = torch.full((50, 3, 16, 16), 0.5)
    for strength in STRENGTHS:
        noisy = make_corruption("gaussian noise", strength, 0)(grey)
        sigma = image_corruptions.NOISE[strength - 1]
        # Of 38,400 values: a standard error of .4 % of sigma.
        assert float(noisy.std()) == pytest.approx(sigma, rel=0.02)
        assert float(noisy.mean()) == pytest.approx(0.5, abs=0.003)
        photons = make_corruption("shot noise", strength, 0)(grey)
        count = image_corruptions.COUNTS[strength - 1]
        assert float(photons.std()) == pytest.approx(math.sqrt(0.5 / count), rel=0.02)
        assert float(photons.mean()) == pytest.approx(0.5, abs=0.003)
        torch.testing.assert_close(photons * count, (photons * count).round(), atol=1e-4, rtol=0)
    assert not make_corruption("shot noise", 3, 0)(torch.zeros(2, 3, 4, 4)).any()


@pytest.mark.parametrize("side", [16, 31])
def test_other_corruptions_are_those_of_slow_references(side):
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for strength, (sigma, share, quality, left) in zip(
        STRENGTHS,
        zip(*(getattr(image_corruptions, n) for n in ("BLUR", "PIXELS", "QUALITY", "CONTRAST")), strict=True),
        strict=True,
    ):
        found = {name: make_corruption(name, strength, 0)(images).numpy() for name in CORRUPTIONS}
        small = round(share * side)
        for i, image in enumerate(images.numpy()):
            radius = math.ceil(3 * sigma * side)
            blurred = np.stack([gaussian_filter(c, sigma * side, mode="mirror", radius=radius) for c in image])
            np.testing.assert_allclose(found["blur"][i], blurred, atol=1e-5)
            grey = image.mean(axis=(1, 2), keepdims=True)
            np.testing.assert_allclose(found["contrast"][i], grey + left * (image - grey), atol=1e-5)
            content = io.BytesIO()
            pixels = np.round(255 * image).astype(np.uint8).transpose(1, 2, 0)
            Image.fromarray(pixels).save(content, "JPEG", quality=quality)
            read = np.asarray(Image.open(content), dtype=np.float32).transpose(2, 0, 1) / 255
            np.testing.assert_allclose(found["jpeg"][i], read, atol=1e-6)
            edges = [(k * side // small, -(-(k + 1) * side // small)) for k in range(small)]
            means = np.array([[image[:, a:b, c:d].mean(axis=(1, 2)) for c, d in edges] for a, b in edges])
            nearest = [k * small // side for k in range(side)]
            np.testing.assert_allclose(found["pixelate"][i], means[nearest][:, nearest].transpose(2, 0, 1), atol=1e-5)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_grows_is_the_same_every_time_and_leaves_the_images(name):
    coarse = torch.rand(20, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    images = torch.nn.functional.interpolate(coarse, size=16, mode="bilinear")
    before = images.clone()
    found = [make_corruption(name, strength, 0)(images) for strength in STRENGTHS]
    changes = [float((corrupted - images).abs().mean()) for corrupted in found]
    assert 0 < changes[0] < changes[1] < changes[2]
    assert all(corrupted.shape == images.shape and 0 <= corrupted.min() <= corrupted.max() <= 1 for corrupted in found)
    assert torch.equal(found[1], make_corruption(name, 2, 0)(images))
    assert torch.equal(images, before)


def test_corrupted_images_are_classified_by_what_was_learnt_from_clean_ones(folders, tmp_path):
    run = open_small(tmp_path, "raw", VIEWS, folders["colors"])
    rows = measure("corruptions", run)
    by_place = {(row["condition"], row["level"]): row["value"] for row in rows if row["metric"] == "top1"}
    assert list(by_place) == [(name, strength) for name in CORRUPTIONS for strength in STRENGTHS]
    (mean,) = (row for row in rows if row["metric"] == "top1_corrupted")
    assert mean["value"] == pytest.approx(np.mean(list(by_place.values())))
    assert (mean["condition"], mean["level"], mean["task"]) == ("", None, "class")
    assert {row["n"] for row in rows} == {30}
    probe = learn_classes(run, "h", LinearSettings(**PROBE))
    mean, std = (torch.tensor(run._others._own[key]).view(3, 1, 1) for key in ("mean", "std"))
    images, labels = torch.from_numpy(read_images(folders["colors"], "test")), np.load(folders["colors"] / "labels.npy")
    for place in (("contrast", 1), ("shot noise", 3), ("blur", 3)):
        corrupted = make_corruption(*place, run.seed)(images)
        chosen = probe.scores(((corrupted - mean) / std).flatten(1)).argmax(dim=1).numpy()
        assert by_place[place] == pytest.approx(100 * np.mean(chosen == labels[60:]))
    assert by_place["blur", 3] == by_place["contrast", 1] > by_place["shot noise", 3]  # flat colors stay as they are


def test_the_heads_are_measured_too(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(corruptions, "STRENGTHS", (1,))
    run = open_small(tmp_path, "moco", VIEWS, folders["noise"])
    assert {row["representation"] for row in measure("corruptions", run)} == {"h", "hidden"}
    assert {row["representation"] for row in measure("corruptions", run, readouts=[])} == {"h"}
    assert {row["n"] for row in measure("corruptions", run, readouts=[], objects=12)} == {12}
