"""What each head carries, which negatives count, and attributes of readouts: against loops, and where it is known."""

import numpy as np
import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest
from small_runs import make_small_evaluator, open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators import readout_attributes
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.evaluators.head_usage import split_by_head
from workflow_scripts.evaluation.linear import learn_classes
from workflow_scripts.methods.momentum import MomentumMethod

pytestmark = pytest.mark.golden
AUGMENTATIONS = [
    {"kind": "hflip"},
    {"kind": "color_jitter", "group": "color"},
    {"kind": "rotation", "group": "rotation"},
]
VIEWS = {"kind": "augmented", "augmentations": AUGMENTATIONS, "distinct": ["rotation"]}
SPACES = ("all", "color", "rotation")
TRAIN, TEST, SIDE = 6, 2, 16
PROBE = {"probe": {"epochs": 20, "lr": 0.1, "standardise": True}}


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", TRAIN, TEST))
    pack(manifest, folder / "packed", "cifar10", SIDE, workers=1)
    return folder / "packed"


@pytest.fixture(scope="module")
def run(packed, tmp_path_factory):
    """An untrained run with three spaces, and the same images as another source."""
    return open_small(tmp_path_factory.mktemp("run"), "looc", VIEWS, packed, {"other": packed})


def collect(rows):
    """Values and counts by task and metric, of rows that have nothing else to tell them apart."""
    rows = list(rows)
    found = {(row["task"], row["metric"]): (row["value"], row["n"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_logit_is_split_as_a_loop_splits_it(random):
    heads, width, count = 3, 4, 50
    activations, weights = random.normal(size=(2, count, heads * width)).astype(np.float32)
    heaviest, shares = split_by_head(activations, weights, heads)
    for i in range(count):
        parts, positive = np.zeros(heads), np.zeros(heads)
        for head in range(heads):
            for unit in range(head * width, (head + 1) * width):
                product = float(activations[i, unit]) * float(weights[i, unit])
                parts[head] += product
                positive[head] += max(product, 0)
        assert heaviest[i] == np.argmax(parts)
        np.testing.assert_allclose(shares[i], positive / positive.sum(), atol=1e-12)


def test_a_logit_without_a_positive_part_is_shared_alike():
    heaviest, shares = split_by_head(np.ones((1, 4), np.float32), np.array([[-3, -1, -1, 0]], np.float32), 2)
    assert heaviest.tolist() == [1]
    assert shares.tolist() == [[0.5, 0.5]]


def test_the_head_that_holds_the_class_carries_it(run, monkeypatch):
    read, width = run.read, run.read("train", "hidden").shape[-1] // len(SPACES)

    def tell(split, name):
        """The class, one unit each, in the second head; in the others what is no larger than noise."""
        if name != "hidden":
            return read(split, name)
        labels, noise = read(split, "labels"), np.random.default_rng(len(split))
        hidden = 0.01 * noise.normal(size=(3, len(labels), width))
        hidden[1, np.arange(len(labels)), labels] = 1
        return np.concatenate(hidden, axis=-1)[:, None].astype(np.float32)

    monkeypatch.setattr(run, "read", tell)
    found = collect(make_evaluator("head_usage", {"probe": {"epochs": 50, "lr": 1.0}}).rows(run))
    assert found["color", "usage"] == (100, 10 * TEST)
    assert found["color", "contribution"][0] > 90
    assert found["all", "usage"][0] == found["rotation", "usage"][0] == 0


def test_usage_is_of_rightly_classified_images(run):
    evaluator = make_evaluator("head_usage", {**PROBE, "sources": ["other", "absent"]})
    assert evaluator.skip(run) == ""
    assert "absent" in evaluator.leaves_out(run)
    rows = list(evaluator.rows(run))
    found = collect(rows)
    tasks = [f"{space}{source}" for source in ("", ", other") for space in SPACES]
    assert list(found) == [(task, metric) for task in tasks for metric in ("usage", "contribution")]
    assert {(row["representation"], row["split"], row["condition"], row["level"]) for row in rows} == {
        ("hidden", "test", "", None)
    }
    for source in ("", ", other"):
        for metric in ("usage", "contribution"):
            assert sum(found[f"{space}{source}", metric][0] for space in SPACES) == pytest.approx(100)
    probe = learn_classes(run, "hidden", evaluator.settings.probe)
    hidden, labels = torch.from_numpy(np.array(run.read("test", "hidden")[:, 0])), run.read("test", "labels")
    scores = ((hidden - probe.mean) / probe.scale) @ probe.weight.T + probe.bias
    right = [i for i in range(len(labels)) if int(scores[i].argmax()) == labels[i]]
    assert found["all", "usage"][1] == len(right) > 3
    counts, width = np.zeros(3), hidden.shape[1] // 3
    for i in right:
        products = ((hidden[i] - probe.mean) / probe.scale) * probe.weight[labels[i]]
        counts[int(products.reshape(3, width).sum(dim=1).argmax())] += 1
    for space, count in zip(SPACES, counts, strict=True):
        assert found[space, "usage"][0] == pytest.approx(100 * count / len(right))


def test_other_methods_have_no_heads_to_compare(packed, tmp_path):
    one = open_small(tmp_path / "one", "moco", VIEWS, packed)
    none = open_small(tmp_path / "none", "simclr", VIEWS, packed)
    assert make_small_evaluator("head_usage").skip(one) == "the method has one head, which carries all"
    assert make_small_evaluator("head_usage").skip(none) == "the method has no heads of one hidden layer"
    assert "no space in which" in make_small_evaluator("negatives").skip(one)
    assert make_small_evaluator("negatives").skip(none) == "the method has no queue of keys"


def test_masses_of_negatives_are_those_of_training(run):
    assert isinstance(run.method, MomentumMethod)
    run.method.negative_mass.copy_(torch.tensor([0.25, 0.5]))
    rows = list(make_evaluator("negatives", {}).rows(run))
    assert {(row["representation"], row["task"]) for row in rows} == {
        ("z_color", "color"),
        ("z_rotation", "rotation"),
    }
    share = 2 / run.method.settings.queue  # of as many keys as there are others
    expected = {
        ("color", "same_image_mass"): 0.25,
        ("rotation", "same_image_mass"): 0.5,
        ("color", "queue_share"): share,
        ("rotation", "queue_share"): share,
    }
    assert collect(rows) == {key: (value, 10 * TRAIN) for key, value in expected.items()}


def test_attributes_of_readouts_are_those_of_their_arrays(smoke_table, tmp_path, monkeypatch):
    def look(train, test, sensitive):
        """As `measure_attributes`, which has its own tests: what it is given, as one number a target."""
        for task in test[1]:
            sums = [float(rows.astype(np.float64).sum()) + (rows[:, 0] @ truth[task]) for rows, truth in (train, test)]
            yield task, f"of {sensitive}", sums[0] + 7 * sums[1]

    monkeypatch.setattr(readout_attributes, "measure_attributes", look)
    views = {"kind": "tabular", "groups": ["gender"]}
    run = open_small(tmp_path, "looc", views, smoke_table)
    evaluator = make_evaluator("readout_attributes", {})
    assert evaluator.skip(run) == ""
    rows = list(evaluator.rows(run))
    assert {row["representation"] for row in rows} == set(run.readouts) >= {"z_all", "z_gender", "outputs", "hidden"}
    targets = {"class": "labels", **{name: f"attribute.{name}" for name in run.attributes}}
    for name in run.readouts:
        parts = []
        for split in ("train", "test"):
            own = {task: np.array(run.read(split, array)) for task, array in targets.items()}
            parts.append((np.array(run.read(split, name)[:, 0]), own))
        own = [(r["task"], r["metric"], r["value"]) for r in rows if r["representation"] == name]
        assert own == list(look(*parts, "gender"))
    assert {(row["split"], row["n"]) for row in rows} == {("test", len(run.read("test", "labels")))}
    plain = open_small(tmp_path / "plain", "random", views, smoke_table)
    assert evaluator.skip(plain) == "the method reads nothing out of its features"
