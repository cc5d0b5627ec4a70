"""Evaluators that look at other data: linear classification, a few examples, and other images of the same classes."""

import numpy as np
import pytest
from painted import pack_painted, paint_color, paint_noise
from raw_trees import pack_small_3diebench
from scipy import stats
from small_runs import STORED, open_small

from workflow_scripts.data.corrupted_views import GROUPS, VIEWS
from workflow_scripts.evaluation.evaluators import few_shot, shifted
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.evaluators.few_shot import draw_examples, find_interval
from workflow_scripts.evaluation.evaluators.shifted import measure_corruptions
from workflow_scripts.evaluation.linear import fit_linear, learn_classes, rank_truth, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
AUGMENTED = {"kind": "augmented", "augmentations": [{"kind": "rotation", "group": "turn"}], "evaluation_views": 1}
PROBE = {"epochs": 20, "batch": 32, "lr": 0.1, "milestones": [], "standardise": True}
FEW = {"optimizer": "adam", "steps": 60, "batch": 16, "lr": 0.03, "standardise": True}
NAMES = ("transfer", "few_shot", "shifted")
ABSENT = "the source birds was not given, set sources.birds.path to its archive or folder"


@pytest.fixture(scope="module")
def folders(unsynced, tmp_path_factory):
    painters = {"colors": paint_color, "noise": paint_noise}
    return {name: pack_painted(tmp_path_factory.mktemp(name), paint) for name, paint in painters.items()}


@pytest.fixture
def run(folders, tmp_path):
    return open_small(tmp_path, "raw", AUGMENTED, folders["noise"], {"colors": folders["colors"]})


def test_the_standard_protocol_has_both_ranks_of_every_readout(folders, tmp_path):
    run = open_small(tmp_path, "looc", AUGMENTED, folders["colors"])
    rows = list(make_evaluator("linear", {"probe": PROBE}).rows(run))
    spaces = ["h", "z_all", "z_turn", "outputs", "hidden", "untrained"]
    assert [(r["representation"], r["metric"]) for r in rows] == [(s, m) for s in spaces for m in ("top1", "top5")]
    assert {(row["task"], row["split"], row["condition"], row["n"]) for row in rows} == {("class", "test", "", 30)}
    probe = learn_classes(run, "z_all", LinearSettings(**PROBE))
    features, labels = run.read("test", "z_all")[:, 0], run.read("test", "labels")
    order = (-probe.scores(features).numpy()).argsort(axis=1)
    found = {row["metric"]: row["value"] for row in rows if row["representation"] == "z_all"}
    assert found["top1"] == pytest.approx(100 * np.mean(order[:, 0] == labels))
    assert found["top5"] == pytest.approx(100 * np.mean((order[:, :5] == labels[:, None]).any(axis=1)))


def test_of_two_classes_there_is_no_top_5(unsynced, tmp_path):
    packed = pack_small_3diebench(tmp_path)
    run = open_small(tmp_path, "random", STORED, packed, {"same": packed})
    rows = list(make_evaluator("linear", {"probe": PROBE}).rows(run))
    assert [(row["metric"], row["n"]) for row in rows] == [("top1", 12)]  # four objects of three views
    for name in ("transfer", "shifted"):
        rows = make_evaluator(name, {"probe": PROBE, "sources": ["same"]}).rows(run)
        assert {row["metric"] for row in rows} == {"top1"}


def test_other_classes_are_learnt_from_other_images(run):
    rows = list(make_evaluator("transfer", {"probe": PROBE, "sources": ["colors"]}).rows(run))
    (features, labels), (tests, truth) = (run.features("colors", split) for split in ("train", "test"))
    probe = fit_linear(features, labels, 10, LinearSettings(**PROBE), run.device, run.seed, "transfer", "colors", "h")
    ranks = rank_truth(probe.scores(tests), truth)
    assert [(row["metric"], row["value"]) for row in rows] == [
        ("top1", pytest.approx(100 * np.mean(ranks < 1))),
        ("top5", pytest.approx(100 * np.mean(ranks < 5))),
    ]
    assert {(row["task"], row["representation"], row["condition"], row["n"]) for row in rows} == {
        ("colors", "h", "", 30)
    }
    assert rows[0]["value"] > 30  # flat colors of ten levels of red
    fewer = list(make_evaluator("transfer", {"probe": PROBE, "sources": ["colors"], "objects": 10}).rows(run))
    assert fewer[0]["value"] < rows[0]["value"]


@pytest.mark.parametrize("name", NAMES)
def test_a_source_that_was_not_given_is_left_out_and_said(name, run):
    few = {"shots": [2], "draws": 2} if name == "few_shot" else {}
    evaluator = make_evaluator(name, {"sources": ["birds", "colors"], "probe": {**PROBE, "steps": 2}, **few})
    assert evaluator.skip(run) == ""
    rows, summary = measure(run, {name: evaluator})
    assert {row["task"] for row in rows} == {"colors"}
    assert summary["skipped"] == {name: ABSENT}
    assert make_evaluator(name, {"sources": ["birds"]}).skip(run) == ABSENT
    assert make_evaluator(name, {}).skip(run) == "no other source is named to look at"
    run.splits = []
    assert evaluator.skip(run) == "the test split is not evaluated"


def test_a_few_examples_a_class_are_drawn_several_times(run, monkeypatch):
    seen, fit = [], few_shot.fit_linear
    monkeypatch.setattr(few_shot, "fit_linear", lambda *a: seen.append((a[0], a[1])) or fit(*a))
    given = {"sources": ["colors"], "shots": [1, 4, 1], "draws": 3, "probe": FEW}
    rows = list(make_evaluator("few_shot", given).rows(run))
    places = [(row["condition"], row["level"], row["metric"], row["n"]) for row in rows]
    assert places == [("shots", k, *own) for k in (1, 4) for own in (("top1", 30), ("top1_interval", 3))]
    assert [len(features) for features, _ in seen] == [10] * 3 + [40] * 3
    (features, labels), (tests, truth) = (run.features("colors", split) for split in ("train", "test"))
    settings, scores = LinearSettings(**FEW, milestones=()), []
    for draw in range(3):
        chosen = draw_examples(labels, 4, "colors", run.seed, "few shot", "colors", 4, draw)
        np.testing.assert_array_equal(seen[3 + draw][0], features[chosen])
        probe = fit_linear(features[chosen], labels[chosen], 10, settings, run.device, run.seed, "few shot", "h")
        scores.append(share_within(rank_truth(probe.scores(tests), truth), 1))
    low, high = stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores))
    assert rows[2]["value"] == pytest.approx(np.mean(scores))
    assert rows[3]["value"] == pytest.approx((high - low) / 2)
    assert len(set(scores)) > 1
    with pytest.raises(UserError, match="takes 7 examples a class, but class 0 of colors has 6; lower"):
        list(make_evaluator("few_shot", {**given, "shots": [7]}).rows(run))


def test_examples_are_different_ones_of_every_class():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 5], [8, 3, 5]))
    drawn = [draw_examples(labels, 3, "birds", seed, "test") for seed in range(200)]
    assert all(np.bincount(labels[chosen], minlength=6).tolist() == [3, 3, 0, 0, 0, 3] for chosen in drawn)
    assert all(len(set(chosen.tolist())) == 9 for chosen in drawn)
    count = np.bincount(np.concatenate(drawn), minlength=16)
    # An example of 8 is drawn 75 times of 200, one of 5 120 times: standard deviations of 6.9.
    expected = 200 * np.select([labels == 0, labels == 1], [3 / 8, 1], 3 / 5)
    assert np.abs(count - expected).max() < 30


def test_the_interval_is_students():
    scores = [70.1, 68.4, 71.9, 69.0]
    low, high = stats.t.interval(0.95, 3, np.mean(scores), stats.sem(scores))
    assert find_interval(scores) == pytest.approx(((low + high) / 2, (high - low) / 2))


def test_corruptions_are_told_apart_by_the_view():
    ranks = np.random.default_rng(0).integers(0, 3, 4 * len(VIEWS))
    right = dict.fromkeys(VIEWS, 0)
    for place, rank in enumerate(ranks):
        right[VIEWS[place % 75]] += rank == 0
    rows = list(measure_corruptions(ranks))
    found = {(row["condition"], row["level"]): row["value"] for row in rows if row["condition"]}
    assert found == pytest.approx({view: 25 * count for view, count in right.items()})
    assert {row["n"] for row in rows if row["condition"]} == {4}
    means = {row["metric"]: (row["value"], row["n"]) for row in rows if not row["condition"]}
    for group, names in GROUPS.items():
        values = [25 * right[name, strength] for name in names for strength in range(1, 6)]
        assert means[f"top1_{group}"] == (pytest.approx(np.mean(values)), 4 * len(values))
    assert len(rows) == 75 + 4


def test_other_images_of_the_same_classes_are_classified(folders, unsynced, tmp_path, monkeypatch):
    monkeypatch.setattr(shifted, "VIEWS", (("fog", 1), ("fog", 2), ("snow", 1)))
    monkeypatch.setattr(shifted, "GROUPS", {"weather": ("fog", "snow")})
    packed = pack_small_3diebench(tmp_path)
    run = open_small(tmp_path, "raw", STORED, packed, {"same": packed, "colors": folders["colors"]})
    rows = list(make_evaluator("shifted", {"probe": PROBE, "sources": ["same"]}).rows(run))
    probe = learn_classes(run, "h", LinearSettings(**PROBE))
    features, labels = run.features("same", "test")
    right = (probe.scores(features).argmax(dim=1).numpy() == labels).reshape(4, 3)
    found = {(row["metric"], row["condition"], row["level"]): row["value"] for row in rows}
    assert found["top1", "", None] == pytest.approx(100 * right.mean())
    assert found["top1", "fog", 2] == pytest.approx(100 * right[:, 1].mean())
    assert found["top1_weather", "", None] == pytest.approx(100 * right.mean())
    with pytest.raises(UserError, match="colors has 10 classes, the run's data 2"):
        list(make_evaluator("shifted", {"probe": PROBE, "sources": ["colors"]}).rows(run))
