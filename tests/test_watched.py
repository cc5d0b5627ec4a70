"""Methods that measure themselves: their learning curve against slow loops, and that it survives whatever happens."""

import json

import numpy as np
import pytest
import torch
from batches import SPACE as PLAIN_SPACE
from raw_trees import make_cifar_tree, write_manifest
from small_runs import make_run
from watchable import CLASSES, CPU, GROUPS, SPACE, Normed, RandomViews, make_watched

from workflow_scripts.data.packing import pack
from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.methods import pretext, watched
from workflow_scripts.methods.base import Task, make_method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.training.loop import Engine, train
from workflow_scripts.training.optimisation import make_optimizer
from workflow_scripts.training.run import load_run, save_weights
from workflow_scripts.training.state import TrainingState

pytestmark = pytest.mark.golden
TRAINING = {
    **{"batch": 16, "last_batch": "drop", "lr": 0.1, "clip_norm": None},
    "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "schedule": {"kind": "steps", "milestones": [], "factor": 0.1, "warmup_steps": 0},
}
NAMES = [("pretext", "rotation"), ("care", "rotation"), ("random_probe", "")]
GIVEN = {"pretext": {}, "care": {"chunks": 4}, "random_probe": {}}


def learn(method, folder, steps, views=None):
    """Train by the real loop, and return the history's lines."""
    state = TrainingState(folder, "identity")
    train(method, views or RandomViews(), {**TRAINING, "steps": steps}, 0, state, Engine(CPU, log_every=1))
    return [json.loads(line) for line in state.history.read_text().splitlines()]


def make(name, group, every):
    return make_watched(name, group, Normed, measure_every=every, **GIVEN[name])


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_a_point_has_the_means_of_its_interval(name, group, tmp_path):
    method = make(name, group, every=3)
    lines = learn(method, tmp_path, steps=7)
    assert method.curves["step"].tolist() == [3, 6]  # the seventh step is in no whole interval
    assert {len(values) for values in method.curves.values()} == {2}
    if group:
        for measure, logged in (("train_loss", "pretext"), ("train_accuracy", "pretext accuracy")):
            means = [np.mean([line[logged] for line in lines[start : start + 3]]) for start in (0, 3)]
            np.testing.assert_allclose(method.curves[measure], means, rtol=1e-6)


def percent_right(method, images, truth, head):
    """One image at a time."""
    right = [int(head(method.encoder(image[None]))[0].argmax()) == t for image, t in zip(images, truth, strict=True)]
    return 100 * sum(right) / len(right)


def test_points_are_measured_on_held_out_images_in_evaluation_mode(tmp_path, monkeypatch):
    monkeypatch.setattr(watched, "SIZE", 4)
    monkeypatch.setattr(pretext, "SIZE", 4)
    views = RandomViews(held_out=50)
    method = make("pretext", "rotation", every=5)
    learn(method, tmp_path, 10, views)
    assert method.training
    assert method.encoder.norm.training
    method.eval()
    images = torch.cat([chunk for chunk, _ in views.held_out.iterate(50)])
    turns = SPACE.draw("rotation", 50, torch_generator("held out", "rotation"))[:, 0].int().tolist()
    turned = [image.rot90(k, dims=(1, 2)) for image, k in zip(images, turns, strict=True)]
    assert method.curves["top1"][-1] == pytest.approx(
        percent_right(method, images, views.held_out.labels.tolist(), method.classifier)
    )
    assert method.curves["accuracy"][-1] == pytest.approx(percent_right(method, turned, turns, method.head))
    assert 0 < method.curves["top1"][-1] < 100


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_measuring_changes_no_weight(name, group, tmp_path):
    often, never = make(name, group, every=2), make(name, group, every=100)
    learn(often, tmp_path / "often", 6)
    learn(never, tmp_path / "never", 6)
    assert len(often.curves["step"]) == 3
    assert not len(never.curves["step"])
    for kept, other in zip(often.state_dict().items(), never.state_dict().items(), strict=True):
        assert kept[0] == other[0]
        assert torch.equal(kept[1], other[1]) or kept[0] == "_extra_state"


@pytest.mark.faults
@pytest.mark.parametrize("stop", [4, 6])
@pytest.mark.parametrize(("name", "group"), NAMES)
def test_a_resumed_training_ends_with_the_curve_of_an_unbroken_one(name, group, stop, tmp_path):
    whole, first, second = (make(name, group, every=3) for _ in range(3))
    learn(whole, tmp_path / "whole", 9)
    learn(first, tmp_path / "broken", stop)  # 4: in the middle of an interval
    learn(second, tmp_path / "broken", 9)
    assert second.curves["step"].tolist() == [3, 6, 9]
    assert list(whole.state_dict()) == list(second.state_dict())
    for key, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key
    assert not torch.equal(first.get_extra_state()[-1], whole.get_extra_state()[-1])


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=4, test=2, side=16))
    pack(manifest, folder / "packed", "cifar10", 16, workers=1)
    return folder / "packed"


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_a_run_read_again_has_its_curve(name, group, packed, tmp_path):
    run = make_run(tmp_path / "run", name, {"kind": "transformable", "groups": GROUPS}, packed)
    fresh = load_run(run, packed)
    assert len(fresh.curves["step"]) == 0
    settings, identity = read_identity(run)
    method, views = load_run(run, packed), open_views(packed, settings["dataset"], "train", CPU)
    lines = learn(method, tmp_path / "state", 32, views)
    save_weights(method, run / "weights.safetensors", identity)
    again = load_run(run, packed)
    assert len(lines) == 32
    assert again.curves["step"].tolist() == [16, 32]
    for measure, values in method.curves.items():
        assert torch.equal(again.curves[measure], values)
        assert values.isfinite().all()


def test_the_random_control_learns_its_probe_and_nothing_else(tmp_path):
    method = make("random_probe", "", every=97)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    assert len(make_optimizer(method, {**TRAINING, "steps": 1}, CPU).param_groups[0]["params"]) == 2
    learn(method, tmp_path, 5)
    moved = {key for key, value in method.state_dict().items() if not torch.equal(value, before[key])}
    statistics = {f"encoder.norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert moved == {"classifier.weight", "classifier.bias", "_extra_state", *statistics}


@pytest.mark.faults
@pytest.mark.parametrize(("name", "group"), NAMES)
def test_other_kinds_of_views_are_refused_in_one_sentence(name, group):
    with pytest.raises(UserError, match=r"views\.kind is transformable"):
        make_method(name, {}, Normed(), Task(PLAIN_SPACE, CLASSES), 0, group)


def test_accuracies_are_counted_over_images_and_not_over_batches():
    scores = torch.eye(3)[[0, 1, 2, 0, 0]]
    pairs = [(scores[:4], torch.tensor([0, 1, 2, 2])), (scores[4:], torch.tensor([1]))]
    assert watched.mean_accuracy(iter(pairs)) == pytest.approx(60)
    assert float(watched.accuracy(scores[:4], pairs[0][1])) == 75


def test_curves_are_in_double_precision_and_named(tmp_path):
    method = make("pretext", "rotation", every=1)
    learn(method, tmp_path, 2)
    assert list(method.curves) == ["step", "train_loss", "train_accuracy", "accuracy", "top1"]
    assert all(values.dtype == torch.float64 and values.shape == (2,) for values in method.curves.values())
    assert method.logits(torch.rand(4, 6)).shape == (4, CLASSES)
