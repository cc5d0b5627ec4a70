"""Costs: the sizes of small cases by hand, and of what was really written."""

from pathlib import Path

import pytest

from workflow_scripts.experiment import costs
from workflow_scripts.experiment.config import read_yaml
from workflow_scripts.experiment.runs import merge, parse_run

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]


@pytest.fixture
def paper():
    return merge(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "experiments" / "paper.yaml"))


def test_packed_size_is_that_of_the_packed_images(smoke_config, smoke_packed):
    written = (smoke_packed / "inputs.npy").stat().st_size
    assert costs.packed_bytes(smoke_config, "smoke") == pytest.approx(written, abs=200)  # .npy has a header


def test_3diebench_by_hand(paper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert costs.packed_bytes(paper, "3diebench") == 2_623_600 * 128 * 128 * 3
    simclr, contextssl = parse_run("3diebench", "simclr", 0), parse_run("3diebench", "contextssl", 0)
    assert costs.count_trained(paper, simclr) == 81000 * 1024
    assert costs.embedding_bytes(paper, simclr) == 2_623_600 * 4 * (512 + 2048)
    contexts = 2 * 2 * 5 + 1 + 2 + 2  # z+ and z_r of two groups at five lengths, and five controls at one
    assert costs.embedding_bytes(paper, contextssl) == 2_623_600 * 4 * 512 * (1 + contexts)


def test_what_is_trained_is_not_counted(paper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = parse_run("3diebench", "contextssl", 0)
    before = costs.describe_costs(paper)
    assert "Runs: 60, of which to train: 54" in before  # random and constant do not train
    weights = tmp_path / run.folder / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert "Runs: 60, of which to train: 53" in costs.describe_costs(paper)
