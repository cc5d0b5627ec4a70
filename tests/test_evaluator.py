"""What evaluators see of a run, and which of its embeddings they measure."""

import numpy as np
import pytest
import torch
from raw_trees import pack_small_3diebench
from small_runs import CPU, EVALUATION, STORED, make_small_evaluator, open_small

from workflow_scripts.data.views import open_views
from workflow_scripts.evaluation.metrics import top1
from workflow_scripts.evaluation.storage import Storage
from workflow_scripts.methods.simclr import SimCLR
from workflow_scripts.rows import KEY_COLUMNS

pytestmark = pytest.mark.unit
VIEWS = 3


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    return pack_small_3diebench(tmp_path_factory.mktemp("stored"), train=12, views=VIEWS)


def measure(run, *names):
    """The values of evaluators by their keys."""
    rows = [row for name in names for row in make_small_evaluator(name).rows(run)]
    return {tuple(row[key] for key in KEY_COLUMNS if key in row): row["value"] for row in rows}


def test_contexts_that_do_not_fit_are_probed_in_parts(packed, tmp_path, monkeypatch):
    run = open_small(tmp_path, "contextssl", STORED, packed)
    names = ("relative_latents", "individual_latents", "classes", "context_labels")
    whole = measure(run, *names)
    monkeypatch.setattr(run._embeddings, "storage", Storage(bank=1))
    parts = measure(run, *names)
    assert len(whole) == len(parts) > 20
    assert len({key[1:3] for key in whole}) > 3
    assert parts == pytest.approx(whole, abs=0.02)


def test_only_features_that_are_all_the_same_retrieve_without_a_prediction(packed, tmp_path):
    for method, expected in (("constant", 1 / VIEWS), ("random", None)):
        run = open_small(tmp_path / method, method, STORED, packed)
        retrieval = make_small_evaluator("retrieval")
        assert bool(retrieval.skip(run)) == (expected is None)
        found = {(row["representation"], row["metric"]): row["value"] for row in retrieval.rows(run)}
        assert found.get(("h", "hit@1")) == (pytest.approx(expected) if expected else None)


def test_embeddings_are_those_of_the_method(packed, tmp_path):
    run = open_small(tmp_path, "contextssl", STORED, packed)
    assert set(run.contexts) > {"rotation-0", "rotation-2", "color-2", "color+shuffled-2"}
    views = open_views(packed, run.settings["dataset"], "test", CPU)
    inputs, states = next(views.fixed(len(views)))
    with torch.inference_mode():
        features = run.method.encoder(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
        empty = torch.zeros(0, features.shape[-1]), torch.zeros(0, run.space.dim)
        context = run.method.cache_context(*empty)
        for i in range(VIEWS):
            action = run.space.show(run.space.relate(states[:, 0], states[:, i]), ("color",))
            moved = run.method.embed(features[:, 0], action, context)
            own = run.method.embed(features[:, i], torch.zeros_like(action), context)
            np.testing.assert_allclose(run.read("test", "zr.color-0")[:, i], moved, atol=1e-5)
            np.testing.assert_allclose(run.read("test", "z+.color-0")[:, i], own, atol=1e-5)
    np.testing.assert_allclose(run.read("test", "h"), features, atol=1e-5)
    assert not run.has("zr.color+shuffled-2")  # the action of a control has no truth to follow


def test_every_readout_and_an_online_probe_are_measured(packed, tmp_path, monkeypatch):
    def read_out(self, features):
        return {"first": features[:, :3], "all": features}

    monkeypatch.setattr(SimCLR, "embeddings", read_out)
    monkeypatch.setattr(SimCLR, "logits", lambda self, features: features[:, : self.task.classes])
    run = open_small(tmp_path, "simclr", STORED, packed, evaluation={**EVALUATION, "splits": ["train", "test"]})
    assert run.readouts == ["first", "all"]
    found = measure(run, "relative_latents", "classes")
    assert {key[0] for key in found if key[4] == "color"} == {"h", "first", "all"}
    assert {key[0] for key in found if key[4] == "class"} == {"h", "first", "all", "logits"}
    same = [key for key in found if key[0] == "all"]
    assert [found[key] for key in same] == [found["h", *key[1:]] for key in same]
    for split in ("train", "test"):
        truth = np.repeat(run.read(split, "labels"), VIEWS)
        expected = top1(truth, run.read(split, "h")[..., : run.classes].reshape(len(truth), -1).argmax(axis=1))
        assert found["logits", "", None, split, "class", "top1"] == pytest.approx(expected)


def test_every_probe_is_tried_but_for_the_one_that_relative_latents_are_read_by(packed, tmp_path):
    for method, places in (
        ("contextssl", {("z+", "context rotation", 2), ("z+", "context color", 2)}),
        ("simclr", {("h", "", None)}),
    ):
        found = measure(open_small(tmp_path / method, method, STORED, packed), "probe_effect")
        assert {key[:3] for key in found} == places
        linear = {f"{group}_by_{name}" for group in ("rotation", "color") for name in ("exact", "adam")}
        assert {key[4] for key in found} == linear | {"color_by_network"}


def test_outputs_of_a_transformer_are_read_at_length_1_and_all_else_as_it_is(packed, tmp_path, monkeypatch):
    run = open_small(tmp_path, "contextssl", STORED, packed)
    seen, bank = {}, run.bank

    def watch(split, arrays, unit=False):
        for array in arrays:
            seen.setdefault(name, {}).setdefault(array.partition(".")[0], set()).add(unit)
        return bank(split, arrays, unit)

    monkeypatch.setattr(run, "bank", watch)
    for name in ("relative_latents", "individual_latents", "probe_effect", "classes", "context_labels"):
        assert measure(run, name)
    both = {"h": {False}, "z+": {True}}
    assert seen == {
        **dict.fromkeys(("relative_latents", "individual_latents", "context_labels"), both),
        "classes": {**both, "zr": {True}},
        "probe_effect": {"z+": {True}},
    }


def test_labels_that_depend_on_the_context_have_features_as_control(packed, tmp_path):
    run = open_small(tmp_path, "contextssl", STORED, packed)
    assert make_small_evaluator("context_labels").skip(run) == ""
    places = {key[:3] for key in measure(run, "context_labels")}
    assert places == {("z+", "both contexts", 0), ("z+", "both contexts", 2), ("h", "both contexts", 0)}
