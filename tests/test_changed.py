"""Features of changed images: of an encoder that saw normalised pixels, and of one that did not; and its readouts."""

import numpy as np
import pytest
import torch
from painted import pack_painted, paint_noise, read_images
from small_runs import open_small

from workflow_scripts.evaluation.changed import _StandIn, draw_places, encode_changed
from workflow_scripts.evaluation.linear import learn_classes, read_class_views
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.readouts import list_representations, rank_readouts, read_each, read_out

pytestmark = pytest.mark.unit
TURN = [{"kind": "rotation", "group": "turn"}]
VIEWS = {
    "normalised": {"kind": "augmented", "augmentations": TURN, "evaluation_views": 1},
    "raw": {"kind": "augmented", "augmentations": TURN, "evaluation_views": 1, "normalise": False},
    "transformable": {"kind": "transformable", "groups": {"turn": {"kind": "rotation"}}},
}


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    return pack_painted(tmp_path_factory.mktemp("changed"), paint_noise)


def darken(images):
    return images * 0.5 + 0.1


def encode(run, images):
    """Features of images (n, 3, H, W) in [0, 1], as the run's encoder was trained to see them."""
    mean, std = (torch.tensor(run._others._own[key]).view(3, 1, 1) for key in ("mean", "std"))
    inputs = torch.from_numpy(images)
    views = run.settings["dataset"]["views"]
    normalised = views["kind"] == "augmented" and views.get("normalise", True)
    with torch.no_grad():
        return run.method.encoder((inputs - mean) / std if normalised else inputs).numpy()


@pytest.mark.parametrize("kind", VIEWS)
def test_the_encoder_sees_pixels_as_it_was_trained_to(kind, packed, tmp_path):
    run = open_small(tmp_path, "raw", VIEWS[kind], packed)
    images, labels = read_images(packed, "test"), np.load(packed / "labels.npy")[60:]
    kept = np.array([1, 4, 5, 29])
    for change in (None, darken):
        expected = encode(run, images if change is None else darken(images))
        features, found = encode_changed(run, "test", change)
        np.testing.assert_allclose(features, expected, atol=1e-5)
        np.testing.assert_array_equal(found, labels)
        features, found = encode_changed(run, "test", change, kept=kept)
        np.testing.assert_allclose(features, expected[kept], atol=1e-5)
        np.testing.assert_array_equal(found, labels[kept])
    np.testing.assert_allclose(encode_changed(run, "test")[0], run.read("test", "h")[:, 0], atol=1e-5)
    assert np.abs(encode(run, images) - encode(run, darken(images))).max() > 0.1  # so that the lines above could fail


def test_images_may_be_prepared_some_batches_ahead():
    """As a GPU's are, by a thread."""
    batches = list(torch.rand(5, 4, 3, 2, 2))
    for raw in (True, False):
        stand_in = _StandIn(torch.nn.Flatten(), darken, np.array([0, 5, 6, 15]), raw)
        shown = [stand_in.take(batch).clone().mul_(10) for batch in batches]
        for images in shown:
            assert torch.equal(stand_in(images), torch.zeros(4, 1))
        expected = darken(torch.cat(batches)[[0, 5, 6, 15]]).flatten(1) * (1 if raw else 10)
        np.testing.assert_allclose(np.concatenate(stand_in.found), expected, rtol=1e-6)


def test_places_are_drawn_evenly_and_each_once(packed, tmp_path):
    run = open_small(tmp_path, "random", VIEWS["raw"], packed)
    assert draw_places(run, "train", "", None, 0, "test") is None
    assert draw_places(run, "train", "", 60, 0, "test") is None
    drawn = [draw_places(run, "train", "", 20, seed, "test") for seed in range(50)]
    assert all((np.diff(places) > 0).all() and len(places) == 20 for places in drawn)
    count = np.bincount(np.concatenate(drawn), minlength=60)
    # Each is drawn 17 times of 50, with a standard deviation of 3.3; of 60, none is 4.5 of them away.
    assert np.abs(count - 50 / 3).max() < 15
    np.testing.assert_array_equal(drawn[0], draw_places(run, "train", "", 20, 0, "test"))


def test_readouts_are_those_of_the_method(packed, tmp_path, monkeypatch):
    monkeypatch.setattr("workflow_scripts.evaluation.readouts.CHUNK", 7)
    run = open_small(tmp_path, "looc", VIEWS["normalised"], packed)
    found = read_out(run, run.features("", "test")[0])
    assert list(found) == list_representations(run) == ["h", "z_all", "z_turn", "outputs", "hidden", "untrained"]
    for name, values in found.items():
        np.testing.assert_allclose(values, run.read("test", name)[:, 0], atol=1e-5)
    features, _ = run.features("", "test")
    assert list(read_out(run, features, ["hidden"])) == ["hidden"]
    assert read_out(run, features, ["h"])["h"] is features
    assert list_representations(run, ["hidden", "nothing"]) == ["h", "hidden"]
    parts = {"some": features[:9], "all": features}
    for most in (2**32, 0):  # side by side, and one after another
        monkeypatch.setattr("workflow_scripts.evaluation.readouts.BANK_BYTES", most)
        each = dict(read_each(run, parts, ["h", "z_turn", "hidden"]))
        assert list(each) == ["h", "z_turn", "hidden"]
        for name, values in each.items():
            np.testing.assert_allclose(values["all"], found[name], atol=1e-6)
            np.testing.assert_allclose(values["some"], found[name][:9], atol=1e-6)


def test_classes_are_learnt_once_and_ranked_in_parts(packed, tmp_path, monkeypatch):
    run = open_small(tmp_path, "looc", VIEWS["normalised"], packed)
    settings = LinearSettings(epochs=2, lr=0.1)
    probes = {name: learn_classes(run, name, settings) for name in ("h", "hidden")}
    assert learn_classes(run, "h", LinearSettings(epochs=2, lr=0.1)) is probes["h"]
    assert learn_classes(run, "h", LinearSettings(epochs=3, lr=0.1)) is not probes["h"]
    features, labels = run.features("", "test")
    whole = rank_readouts(run, probes, features, labels)
    monkeypatch.setattr("workflow_scripts.evaluation.readouts.CHUNK", 7)
    for name, ranks in rank_readouts(run, probes, features, labels).items():
        np.testing.assert_array_equal(ranks, whole[name])
        scores = probes[name].scores(read_class_views(run, "test", name)[0]).numpy()
        best = scores.argmax(axis=1)
        np.testing.assert_array_equal(ranks == 0, best == labels)
