"""How much of an action two images show together: found where it is there, and nowhere else."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from raw_trees import pack_small_3diebench
from sklearn.metrics import r2_score
from small_runs import STORED, make_small_evaluator, open_small

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.data.batch import Batch
from workflow_scripts.evaluation.metrics import r2_per_component
from workflow_scripts.evaluation.visible import Settings, fit_pairs, predict_pairs
from workflow_scripts.support.seeding import derive_seed

pytestmark = pytest.mark.unit
SPACE = ActionSpace({"brightness": slice(0, 1), "hidden": slice(1, 2)}, difference)
SETTINGS = Settings(channels=8, hidden=16, steps=150, batch=64, tests=2)


class BrightViews:
    """Images of noise whose first state is their brightness; the second is nowhere to be seen."""

    space = SPACE

    def __len__(self):
        return 256

    def sample(self, objects, sharing, *purpose):
        random = torch.Generator().manual_seed(derive_seed(*purpose))
        states = torch.randn(2, len(objects), 2, generator=random)
        noise = torch.randn(2, len(objects), 3, 8, 8, generator=random)
        views = noise + states[..., 0][..., None, None, None]
        return Batch(views, states, torch.zeros(len(objects)), self.space)


def test_what_images_show_is_found_and_what_they_hide_is_not():
    torch.manual_seed(0)
    network = fit_pairs(BrightViews(), SETTINGS, 0)
    truth, predicted = predict_pairs(network, BrightViews(), SETTINGS, 0)
    assert truth.shape == predicted.shape == (512, 2)
    found = [r2_per_component(truth[:, [i]], predicted[:, [i]]) for i in (0, 1)]
    assert found == pytest.approx([r2_score(truth[:, i], predicted[:, i]) for i in (0, 1)], rel=1e-4)
    assert found[0] > 0.8
    assert found[1] < 0.1


def test_the_same_seed_fits_the_same_network():
    settings = Settings(channels=4, hidden=8, steps=3, batch=8)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (fit_pairs(BrightViews(), settings, 5).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_is_measured_once_a_data_set(unsynced, tmp_path):
    packed = pack_small_3diebench(tmp_path / "data", train=8, views=3)
    evaluator = make_small_evaluator("visible_actions")
    random, constant = (open_small(tmp_path / name, name, STORED, packed) for name in ("random", "constant"))
    assert "property of the data" in evaluator.skip(random)
    assert not evaluator.skip(constant)
    rows = list(evaluator.rows(constant))
    assert [(row["task"], row["metric"]) for row in rows] == [("rotation", "visible_r2"), ("color", "visible_r2")]
    assert all(np.isfinite(row["value"]) for row in rows)
    table = SimpleNamespace(is_constant=lambda _: True, train_views=SimpleNamespace(reads_rows=True))
    assert evaluator.skip(table) == "the data are rows of a table"
