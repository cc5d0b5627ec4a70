"""Tables: how rows are coded and encoded, and what the views of a row are, checked value by value."""

import numpy as np
import pandas as pd
import pytest
import torch
from raw_trees import write_manifest

from workflow_scripts.data.batch import PAIR
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.readers.base import TEST, TRAIN
from workflow_scripts.data.readers.table import FeatureTable, TableReader
from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.data.views import open_views
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
VIEWS = {"kind": "tabular", "groups": ["gender"], "replaced_share": 0.25}
DATASET = {"views": VIEWS, "holdout": {"share": 0.0, "seed": 0}}


@pytest.fixture
def table(random):
    """300 rows, every third of the test split; a job that only test rows have."""
    rows = 300
    splits = np.where(np.arange(rows) % 3 == 0, TEST, TRAIN).astype(np.uint8)
    job = random.choice(["cook", "smith", "tailor"], size=rows).astype(object)
    job[splits == TEST] = random.choice(["cook", "wizard"], size=(splits == TEST).sum())
    features = pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "insured": random.random(rows) < 0.3,
            "job": job,
            "gender": random.choice(["F", "M"], size=rows),
        }
    )
    label = np.where(random.random(rows) < 0.4, "long", "short")
    treated = random.choice(["no", "yes"], size=rows)
    objects = np.array([f"p{i}" for i in range(rows)])
    return FeatureTable(
        features, "gender", label, ("short", "long"), splits, objects, {"treatment": treated}, {"all": rows}
    )


@pytest.fixture
def packed(table, tmp_path, monkeypatch):
    monkeypatch.setattr("workflow_scripts.data.packing.open_reader", lambda layout, root: TableReader(table))
    pack(write_manifest(tmp_path / "raw.json", tmp_path), tmp_path / "packed", "toy", None)
    return tmp_path / "packed"


def test_rows_are_standardised_and_coded_on_training_rows(table, packed):
    data = PackedDataset(packed)
    data.verify()
    train = table.splits == TRAIN
    order = np.concatenate([np.flatnonzero(train), np.flatnonzero(~train)])
    assert data.objects.tolist() == table.objects[order].tolist()
    age = table.features["age"].to_numpy()
    expected = (age[order] - age[train].mean()) / age[train].std()
    np.testing.assert_allclose(data.inputs[:, 0, 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(data.inputs[:, 0, 1], table.features["insured"].to_numpy()[order])
    codes = {"cook": 0, "smith": 1, "tailor": 2, "wizard": -1}
    assert data.inputs[:, 0, 2].tolist() == [codes[job] for job in table.features["job"].iloc[order]]
    assert [data.meta["classes"][label] for label in data.labels] == table.label[order].tolist()
    assert data.meta["latents"] == ["gender", "treatment"]
    gender = table.features["gender"].to_numpy()[order]
    np.testing.assert_array_equal(data.latents[:, 0, 0], gender == "M")
    np.testing.assert_array_equal(data.latents[:, 0, 1], table.attributes["treatment"][order] == "yes")
    assert data.meta["counts"] == [["all", 300]]
    assert data.meta["resolution"] is None


def test_encoding_matches_a_loop(packed):
    data = PackedDataset(packed)
    rows = np.array(data.inputs[:, 0])
    encode = RowEncoder(data.meta["columns"])
    assert encode.width == 1 + 1 + 3 + 2
    encoded = encode(torch.from_numpy(rows)).numpy()
    for row, found in zip(rows, encoded, strict=True):
        expected = [row[0], row[1], *(float(row[2] == k) for k in range(3)), *(float(row[3] == k) for k in range(2))]
        np.testing.assert_allclose(found, expected)
    hidden = RowEncoder(data.meta["columns"], ["gender"])(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(hidden[:, :5], encoded[:, :5])
    assert not hidden[:, 5:].any()


def test_the_second_view_changes_gender_as_the_action_says(packed):
    views = open_views(packed, DATASET, "train", CPU)
    objects = np.tile(np.arange(len(views)), 20)
    batch = views.sample(objects, PAIR, 0, "pairs", 3)
    first, second = batch.views
    gender = first[:, 6]  # one-hot: F, M
    torch.testing.assert_close(batch.action()[:, 0], second[:, 6] - gender)
    torch.testing.assert_close(batch.states[1, :, 0], second[:, 6])
    assert set(batch.action()[:, 0].tolist()) == {-1.0, 0.0, 1.0}
    assert abs(float(second[:, 6].mean()) - 0.5) < 0.03  # drawn evenly, whatever it was
    np.testing.assert_array_equal(gender.numpy(), views.attributes["gender"][objects])
    np.testing.assert_array_equal(batch.labels.numpy(), views.labels[objects])
    changed = float((first[:, 0] != second[:, 0]).float().mean())
    assert abs(changed - 0.25) < 0.02
    assert set(np.unique(second[:, 0].numpy())) <= set(np.unique(first[:, 0].numpy()))  # of rows of the same split
    again = views.sample(objects, PAIR, 0, "pairs", 3)
    torch.testing.assert_close(again.views, batch.views, rtol=0, atol=0)


def test_a_hidden_gender_is_in_no_view_but_still_in_the_truth(packed):
    settings = {**DATASET, "views": {**DATASET["views"], "sensitive_hidden": True}}
    views = open_views(packed, settings, "test", CPU)
    inputs, states = next(views.fixed(1000))
    assert inputs.shape == (100, 1, 7)
    assert not inputs[..., 5:].any()
    np.testing.assert_array_equal(states[:, 0, 0].numpy(), views.attributes["gender"])
    assert not views.sample(np.arange(50), PAIR, 0).views[..., 5:].any()


def test_a_group_that_is_no_sensitive_column_is_refused(packed):
    with pytest.raises(UserError, match="no sensitive column 'job'"):
        open_views(packed, {**DATASET, "views": {**DATASET["views"], "groups": ["job"]}}, "train", CPU)
    meta = read_json(packed / "meta.json")
    write_json(packed / "meta.json", {**meta, "latents": ["job", "treatment"]})
    with pytest.raises(UserError, match="job has 3 categories; a sensitive column must have two"):
        open_views(packed, {**DATASET, "views": {**DATASET["views"], "groups": ["job"]}}, "train", CPU)
