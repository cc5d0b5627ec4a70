"""The leak of JPEG in data whose views are augmented: the same numbers as where methods apply the transformations."""

import pytest
from raw_trees import make_cifar_tree, write_manifest
from small_runs import open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators.base import make_evaluator

pytestmark = pytest.mark.unit
TURNS = {"kind": "rotation"}
BASE = [{"kind": "resized_crop"}, {"kind": "hflip"}, {"kind": "color_jitter", "group": "color"}]
AUGMENTED = {"kind": "augmented", "augmentations": BASE}
TURNED = {"kind": "augmented", "augmentations": [*BASE, {**TURNS, "group": "rotation"}], "normalise": False}


def pack_images(folder, side):
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=3, test=2))
    pack(manifest, folder / f"packed{side}", "cifar10", side, workers=1)
    return folder / f"packed{side}"


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    return pack_images(tmp_path_factory.mktemp("leak"), 16)


def test_rows_are_those_of_transformations_that_methods_apply(packed, tmp_path):
    applied = {"kind": "transformable", "groups": {"rotation": TURNS}}
    wanted = list(make_evaluator("leak", {}).rows(open_small(tmp_path / "applied", "constant", applied, packed)))
    evaluator = make_evaluator("rotation_leak", {})
    for name, views in (("base", AUGMENTED), ("turned", TURNED)):
        run = open_small(tmp_path / name, "constant", views, packed)
        space = run.space
        assert evaluator.skip(run) == ""
        rows = list(evaluator.rows(run))
        assert rows == wanted
        assert run.space is space
    assert {(row["task"], row["level"]) for row in rows} == {("rotation", level) for level in (0, 3, 8)}
    assert {row["condition"] for row in rows} == set(evaluator.conditions)
    assert {row["n"] for row in make_evaluator("rotation_leak", {"objects": 7}).rows(run)} == {7}


def test_what_has_no_leak_to_measure_says_why(packed, unsynced, tmp_path):
    evaluator = make_evaluator("rotation_leak", {})
    run = open_small(tmp_path / "random", "random", AUGMENTED, packed)
    assert evaluator.skip(run).startswith("it is a property of the data")
    run = open_small(tmp_path / "plain", "constant", {"kind": "plain"}, packed)
    assert evaluator.skip(run) == "the views are not augmented ones"
    run = open_small(tmp_path / "small", "constant", AUGMENTED, pack_images(tmp_path, 8))
    assert evaluator.skip(run) == "images of 8 pixels have too few blocks of JPEG; it needs 16"
