"""What a method learned of each environment: its first layer, its own head, its predictions, against slow versions."""

import numpy as np
import pytest
import torch
from raw_trees import pack_small_3diebench
from sklearn.metrics import r2_score
from small_runs import STORED, make_small_evaluator, open_small
from torch.nn import functional as F

from workflow_scripts.data.batch import PAIR
from workflow_scripts.evaluation.evaluators.environments import measure_shares, read_states

pytestmark = pytest.mark.golden
VIEWS = 3


@pytest.fixture(scope="module")
def run(unsynced, tmp_path_factory):
    packed = pack_small_3diebench(tmp_path_factory.mktemp("stored"), train=12, views=VIEWS)
    return open_small(tmp_path_factory.mktemp("run"), "contextssl", STORED, packed)


def test_shares_are_of_what_each_input_alone_does_to_the_first_layer(run):
    shares = measure_shares(run, run.method, 12)
    batch = run.train_views.sample(np.arange(12), PAIR, run.seed, "first layer")
    layer, action = run.method.predictor.read_in, batch.action()
    with torch.inference_mode():
        features = run.method.encoder(batch.views[0])
        still = layer(torch.cat([torch.zeros_like(features), torch.zeros_like(action)], dim=1))
        images = layer(torch.cat([features, torch.zeros_like(action)], dim=1)) - still
        for group, entries in run.space.groups.items():
            shown = torch.zeros_like(action)
            shown[:, entries] = action[:, entries]
            moved = layer(torch.cat([torch.zeros_like(features), shown], dim=1)) - still
            spreads = [np.sqrt(part.numpy().var(axis=0, ddof=1).sum()) for part in (moved, images)]
            assert shares[group] == pytest.approx(spreads[0] / spreads[1], rel=1e-4)


def test_a_start_is_the_method_before_its_first_step(run):
    """Here the run is not trained, so the weights are the same, whatever their running statistics have become."""
    start = run.start()
    measure_shares(run, start, 12)
    for name, value in run.method.named_parameters():
        assert torch.equal(value, start.get_parameter(name)), name
    assert not run.method.training


def test_states_are_those_that_the_methods_own_head_reads(run):
    for array in ("zr.color-2", "z+.color-0"):
        truth, predicted = [], []
        for i in range(len(run.read("test", "labels"))):
            for view in range(VIEWS):
                embedding = torch.from_numpy(np.array(run.read("test", array)[i, view]))
                with torch.inference_mode():
                    predicted.append(run.method.auxiliary(F.normalize(embedding, dim=0))[4:6].numpy())
                truth.append(run.read("test", "states")[i, view, 4:6])
        expected = r2_score(np.array(truth), np.array(predicted))
        assert read_states(run, array, "color", "test", None) == pytest.approx(expected, rel=1e-4)
    run.method.settings.__dict__["auxiliary_weight"] = 0.0  # without the loss its head has learned nothing
    assert read_states(run, "z+.color-0", "color", "test", None) is None
    run.method.settings.__dict__["auxiliary_weight"] = 5.0


def test_each_group_has_its_rows_under_its_own_contexts(run):
    rows = list(make_small_evaluator("environments").rows(run))
    keys = {(row["task"], row["representation"], row["level"], row["metric"]) for row in rows}
    assert len(keys) == len(rows)
    assert {key[0] for key in keys} == {"rotation", "color"}
    for group in ("rotation", "color"):
        assert {key[1:] for key in keys if key[0] == group} == {
            ("first layer", None, "action_share_start"), ("first layer", None, "action_share"),
            *((kind, n, metric) for kind in ("zr", "z+") for n in (0, 2) for metric in ("head_r2", "head_r2_gap")),
            ("zr", 0, "mrr"), ("zr", 2, "mrr"),
        }  # fmt: skip
    found = {(row["representation"], row["level"], row["task"], row["metric"]): row["value"] for row in rows}
    retrieved = {(row["condition"], row["level"]): row["value"] for row in make_small_evaluator("retrieval").rows(run)
                 if row["metric"] == "mrr"}  # fmt: skip
    assert found["zr", 2, "color", "mrr"] == retrieved["context color", 2]


def test_methods_without_environments_say_so(run, tmp_path):
    packed = pack_small_3diebench(tmp_path / "data", train=4, views=VIEWS)
    for method in ("simclr", "simclr+"):
        other = open_small(tmp_path / method, method, STORED, packed)
        assert "reads no actions" in make_small_evaluator("environments").skip(other)
