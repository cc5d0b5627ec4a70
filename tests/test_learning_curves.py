"""Rows of the learning curves that a method kept."""

import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest
from small_runs import EVALUATION, make_small_evaluator, open_small

from workflow_scripts.data.packing import pack

pytestmark = pytest.mark.unit
VIEWS = {"kind": "transformable", "groups": {"turn": {"kind": "rotation"}}}
POINTS = [  # steps, then by name
    {"step": 5, "train_loss": 1.25, "train_accuracy": 30.0, "accuracy": 31.5, "top1": 40.0},
    {"step": 10, "train_loss": 0.5, "train_accuracy": 60.0, "accuracy": 55.5, "top1": 45.0},
    {"step": 15, "train_loss": 0.25, "train_accuracy": 90.0, "accuracy": 52.5, "top1": 42.5},
]


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=2, test=2))
    pack(manifest, folder / "packed", "cifar10", 8, workers=1)
    return folder / "packed"


def open_watched(folder, method, packed, points, views=VIEWS):
    """A run whose method kept these points."""
    run = open_small(folder, method, views, packed)
    names = list(run.method.curves)
    table = [[point[name] for name in names] for point in points]
    now = [[points[-1]["step"], *[0.0] * (len(names) - 1)]] if points else [[0.0] * len(names)]
    run.method.set_extra_state(torch.tensor([*table, *now], dtype=torch.float64))
    run.settings["training"] = {"batch": 32}
    return run


def read(run):
    rows = list(make_small_evaluator("learning_curves").rows(run))
    keys = ("representation", "task", "metric", "condition", "level")
    return {tuple(row[key] for key in keys): (row["value"], row["n"]) for row in rows}, rows


def test_the_end_the_best_and_every_point_are_rows(packed, tmp_path):
    run = open_watched(tmp_path, "pretext", packed, POINTS)
    seen = 32 * run.settings["settings"]["measure_every"]
    found, rows = read(run)
    assert len(found) == len(rows) == 4 + 4 * 3
    assert {row["split"] for row in rows} == {"test"}
    assert found["logits", "class", "top1_best", "", None] == (45.0, 20)
    assert found["pretext", "pretext", "train_loss", "", None] == (0.25, seen)
    assert found["pretext", "pretext", "train_accuracy", "", None] == (90.0, seen)
    assert found["pretext", "pretext", "accuracy", "", None] == (52.5, 20)
    for point in POINTS:
        assert found["logits", "class", "top1", "step", point["step"]] == (point["top1"], 20)
        assert found["pretext", "pretext", "accuracy", "step", point["step"]] == (point["accuracy"], 20)
        assert found["pretext", "pretext", "train_loss", "step", point["step"]] == (point["train_loss"], seen)


def test_a_method_without_a_task_of_its_own_has_the_class_probe_only(packed, tmp_path):
    run = open_watched(tmp_path, "random_probe", packed, POINTS)
    assert {key[:3] for key in read(run)[0]} == {("logits", "class", "top1_best"), ("logits", "class", "top1")}


def test_fewer_images_may_have_been_watched(packed, tmp_path):
    run = open_watched(tmp_path, "random_probe", packed, POINTS, VIEWS | {"held_out": 7})
    assert {count for _, count in read(run)[0].values()} == {7}


def test_runs_without_curves_say_why(packed, tmp_path):
    evaluator = make_small_evaluator("learning_curves")
    assert evaluator.skip(open_watched(tmp_path / "a", "pretext", packed, POINTS)) == ""
    short = open_watched(tmp_path / "b", "pretext", packed, [])
    assert evaluator.skip(short) == "the training was too short for a point of the learning curve"
    none = open_small(tmp_path / "c", "simclr", VIEWS, packed)
    assert evaluator.skip(none) == "the method keeps no learning curve"
    assert EVALUATION["splits"] == ["test"]
    short.splits = ["train"]
    assert evaluator.skip(short) == "the test split is not evaluated"
