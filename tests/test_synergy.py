"""How much the class helps to tell a transformation: against exact values, and of a run's own images."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest
from small_runs import make_small_evaluator, open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators import synergy
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.images import collect_images
from workflow_scripts.evaluation.information import CrossEntropies, Transformed, estimate_cross_entropies
from workflow_scripts.evaluation.settings import ProbeSettings

pytestmark = pytest.mark.unit
GROUPS = {"turn": {"kind": "rotation"}, "gray": {"kind": "grayscale"}, "smooth": {"kind": "sigma_blur"}}
VIEWS = {"kind": "transformable", "groups": GROUPS}
PROBE = ProbeSettings(hidden=[32], steps=400, lr=3e-3, batch=128)


def count_information(values, classes, step):
    """I(A; C | X) [nats] of X = A + step C, both uniform, and H(A | X), by counting all pairs."""
    pairs = [(a, c, a + step * c) for a in range(values) for c in range(classes)]

    def uncertainty(given):
        """H(A | given)."""
        total = 0.0
        for pair in pairs:
            alike = [a for a, *rest in pairs if given(*rest) == given(*pair[1:])]
            total -= math.log(alike.count(pair[0]) / len(alike)) / len(pairs)
        return total

    left = uncertainty(lambda c, x: x)
    return left - uncertainty(lambda c, x: (c, x)), left


def draw_additive(values, classes, step, count, draws=2, noise=0, seed=0):
    """Images whose features are X as a one-hot code, and some numbers that mean nothing."""
    random = np.random.default_rng(seed)
    a, c = random.integers(values, size=(count, draws)), random.integers(classes, size=count)
    codes = np.eye(values + step * classes)[a + step * c[:, None]]
    features = np.concatenate([codes, random.normal(size=(count, draws, noise))], axis=-1)
    return Transformed(torch.from_numpy(features).float(), torch.from_numpy(a), torch.from_numpy(c))


@pytest.mark.parametrize(("values", "classes", "step"), [(4, 5, 1), (2, 5, 1), (4, 3, 2), (4, 5, 0)])
def test_it_is_that_of_the_additive_model(values, classes, step):
    exact, left = count_information(values, classes, step)
    found = estimate_cross_entropies(draw_additive(values, classes, step, 1500), values, classes, PROBE, 0, "test")
    # 3000 examples of a loss that deviates by about .5: a standard error of .01, and the probes' own deficit.
    assert found.alone == pytest.approx(left, abs=0.05)
    assert found.alone - found.with_class == pytest.approx(exact, abs=0.05)
    assert found.alone - found.with_shuffled == pytest.approx(0, abs=0.05)
    assert (exact < 1e-9) == (step == 0)


def test_where_nothing_can_be_learnt_a_probe_guesses_and_is_not_worse():
    """Without an early end, cross-entropies would grow beyond that of guessing: there is more noise than examples."""
    noise = draw_additive(4, 3, 1, 600, draws=1, noise=300)
    noise = Transformed(noise.features[..., 7:], noise.values, noise.classes)
    found = estimate_cross_entropies(noise, 4, 3, PROBE, 0, "test")
    assert (found.alone, found.with_class, found.with_shuffled) == pytest.approx([math.log(4)] * 3, abs=0.05)
    same = Transformed(torch.ones(600, 2, 5), torch.arange(1200).view(600, 2) % 4, noise.classes)
    found = estimate_cross_entropies(same, 4, 3, PROBE, 0, "test")
    assert (found.alone, found.with_class) == pytest.approx([math.log(4)] * 2, abs=0.05)


def test_it_is_the_same_every_time_and_another_with_another_seed():
    drawn = draw_additive(2, 3, 1, 60)
    short = ProbeSettings(hidden=[8], steps=30, batch=16)
    first, second = (estimate_cross_entropies(drawn, 2, 3, short, 0, "test") for _ in range(2))
    assert first == second
    assert first != estimate_cross_entropies(drawn, 2, 3, short, 1, "test")


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("synergy")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=2, test=3))
    pack(manifest, folder / "packed", "cifar10", 8, workers=1)
    return folder / "packed"


def test_images_are_those_that_are_stored(packed, tmp_path):
    run = open_small(tmp_path, "random", {"kind": "plain"}, packed)
    stored = np.load(packed / "inputs.npy")[20:, 0].transpose(0, 3, 1, 2)
    labels = np.load(packed / "labels.npy")[20:]
    images, found = collect_images(run, "test", 99, 0, "all")
    np.testing.assert_array_equal(images, stored)
    np.testing.assert_array_equal(found, labels)
    drawn = [collect_images(run, "test", 12, seed, "some") for seed in range(200)]
    count = np.zeros(30)
    for images, found in drawn:
        places = [int(np.flatnonzero((stored == image.numpy()).all(axis=(1, 2, 3)))[0]) for image in images]
        assert places == sorted(set(places))
        assert len(places) == 12
        np.testing.assert_array_equal(found, labels[places])
        count[places] += 1
    # Each is drawn 80 times of 200, with a standard deviation of 6.9; of 30, none is 4.5 of them away.
    assert np.abs(count - 80).max() < 31


def test_which_images_are_drawn_does_not_depend_on_how_they_come(packed, tmp_path):
    def run(size):
        inputs = torch.from_numpy(np.load(packed / "inputs.npy")[:, 0]).movedim(-1, 1)

        def features(source, split, change):
            for part in inputs.split(size):
                assert torch.equal(change(part / 255), part / 255)
            return np.empty(0), np.arange(len(inputs))

        return features

    class Stand(SimpleNamespace):
        method = SimpleNamespace(task=SimpleNamespace(space=None))

    found = [collect_images(Stand(features=run(size)), "train", 9, 0, "sizes") for size in (50, 7, 1)]
    for images, labels in found:
        assert torch.equal(images, found[0][0])
        assert torch.equal(labels, found[0][1])


def test_features_are_those_of_the_transformed_images(packed, tmp_path, monkeypatch):
    run = open_small(tmp_path, "random", VIEWS, packed)
    seen = {}

    def watch(images, values, classes, settings, seed, purpose):
        seen[purpose] = images, values, classes
        return CrossEntropies(0.5, 0.25, 0.625)

    monkeypatch.setattr(synergy, "estimate_cross_entropies", watch)
    monkeypatch.setattr(synergy, "CHUNK", 7)
    rows = list(make_evaluator("synergy", {"draws": 3}).rows(run))
    assert {row["task"] for row in rows} == set(GROUPS)
    assert [(row["task"], row["metric"], row["value"], row["n"]) for row in rows if row["task"] == "turn"] == [
        ("turn", "information", 0.25, 30),
        ("turn", "information_shuffled", -0.125, 30),
        ("turn", "cross_entropy", 0.5, 30),
        ("turn", "cross_entropy_with_class", 0.25, 30),
    ]
    stored = torch.from_numpy(np.load(packed / "inputs.npy")[20:, 0]).movedim(-1, 1) / 255
    images, values, classes = seen["synergy turn"]
    assert (values, classes, images.features.shape[:2]) == (4, 10, (30, 3))
    assert torch.equal(images.classes, torch.from_numpy(np.load(packed / "labels.npy")[20:]))
    assert len(images.values.unique()) == 4
    for image, features, turns in zip(stored, images.features, images.values, strict=True):
        turned = torch.stack([image.rot90(int(k), dims=(1, 2)) for k in turns])
        with torch.no_grad():
            torch.testing.assert_close(features, run.method.encoder(turned), atol=1e-5, rtol=1e-4)
    assert {purpose: values for purpose, (_, values, _) in seen.items()} == {
        "synergy turn": 4,
        "synergy gray": 2,
        "synergy smooth": 4,
    }


def test_it_needs_transformations_and_features_of_none_of_them(packed, tmp_path):
    evaluator = make_small_evaluator("synergy")
    reasons = {
        ("random", "transformable"): "",
        ("constant", "transformable"): "constant features tell no transformation",
        ("random", "plain"): "the data have no transformations that methods apply",
    }
    for (method, kind), reason in reasons.items():
        run = open_small(tmp_path / method / kind, method, VIEWS if kind == "transformable" else {"kind": kind}, packed)
        assert evaluator.skip(run) == reason
    run = open_small(tmp_path / "own", "pretext", VIEWS, packed)
    assert evaluator.skip(run).startswith("the method was trained to tell one transformation")
    run = open_small(tmp_path / "none", "random", VIEWS, packed)
    other = make_evaluator("synergy", {"groups": ["turns"]})
    assert other.skip(run) == "none of the transformations to measure is among the data's"
    tasks = {row["task"] for row in make_evaluator("synergy", {"groups": ["gray"], "objects": 8}).rows(run)}
    assert tasks == {"gray"}
