"""Costs: the sizes of small cases by hand, and of what was really written."""

import pytest
import torch

from workflow_scripts.experiment import costs, plan
from workflow_scripts.experiment.checking import fill
from workflow_scripts.experiment.config import complete_config, load_experiment
from workflow_scripts.experiment.costs import GIB
from workflow_scripts.experiment.plan import describe_costs, get_stated_speed
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import parse_run
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def paper():
    return load_experiment("contextssl/paper")


def run(dataset, name):
    return parse_run("contextssl", dataset, name, 0)


def test_packed_size_is_that_of_the_packed_images(smoke_config, smoke_packed):
    written = (smoke_packed / "inputs.npy").stat().st_size
    assert costs.packed_bytes(smoke_config, "smoke") == pytest.approx(written, abs=200)  # .npy has a header


def test_3diebench_by_hand(paper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert costs.packed_bytes(paper, "3diebench") == 2_623_600 * 128 * 128 * 3
    simclr, plus, contextssl = (run("3diebench", name) for name in ("simclr", "simclr+", "contextssl"))
    assert costs.count_trained(paper, simclr) == 82000 * 1024
    assert costs.embedding_bytes(paper, simclr) == 2_623_600 * 4 * (512 + 2048)
    assert costs.embedding_bytes(paper, run("3diebench", "sie@color")) == 2_623_600 * 4 * (512 + 2 * 1024)
    assert costs.embedding_bytes(paper, plus) == 2_623_600 * 4 * 512 * (1 + 6)
    # At each of six lengths z+ and z_r of two groups, and z+ with no action; z+ of seven controls at one length; z+ of
    # two groups at each length at which contexts are drawn again.
    contexts = paper["evaluation"]["contexts"]
    again = 2 * len(contexts["draw_lengths"]) * (contexts["draws"] - 1)
    images = 2_623_600 * 4 * 512
    assert costs.embedding_bytes(paper, contextssl) == images * (1 + 2 * 2 * 6 + 6 + 1 + 2 + 2 + 2 + again)
    contexts = {"lengths": [0, 2], "controls": [], "control_lengths": [2], "draw_lengths": [2, 14], "draws": 4}
    twice = {**paper, "evaluation": {"contexts": contexts}}
    assert costs.embedding_bytes(twice, contextssl) == images * (1 + 2 * 2 * 2 + 2 + 2 * 2 * 3)


def test_inputs_of_every_kind_of_source():
    small, cifar = load_experiment("contextssl/tabular"), load_experiment("contextssl/cifar10-small")
    assert costs.count_inputs(small, "embedded") == 5 * (110 + 30) * 40
    assert costs.count_inputs(small, "adult") == 45222
    assert costs.count_inputs(small, "mimic3-synthetic") == 20000
    assert costs.count_inputs(cifar, "cifar10-small") == 10 * (1000 + 200)
    # The image itself and four augmented views.
    assert costs.embedding_bytes(cifar, run("cifar10-small-crop-blur", "random")) == 12000 * 5 * 4 * 128


@pytest.mark.parametrize("side", [16, 32])
@pytest.mark.parametrize(
    ("kind", "readout"),
    [("dropout_resnet", "mean"), ("dropout_resnet", "spatial")]
    + [("p4_resnet", readout) for readout in ("max", "mean", "invariant")],
)
def test_features_are_as_many_as_the_encoder_gives(kind, readout, side):
    for own in ({}, {"pool_stem": True}, {"widths": [4, 8, 12]}):
        given = {"kind": kind, "widths": [2, 4], "blocks": 1, "readout": readout, **own}
        encoder = fill(given, read_schema("encoders", kind))
        if kind == "dropout_resnet":
            encoder["project"] = 512
        made = make_encoder(encoder, side, False, 0).eval()
        assert costs.get_width(encoder, side) == made(torch.rand(1, 3, side, side)).shape[1] == made.dim


def test_embeddings_of_an_encoder_whose_readout_decides_their_size():
    """By hand: 60,000 images, stages of 8 to 64 channels; the pooling of the stem and two stages halve 16 pixels."""
    small, paper = load_experiment("essl/small"), load_experiment("essl/paper")
    for name, width in (("~plain", 128), ("~eq", 64 * 2 * 2), ("~eq_pooled_simclr", 4 * 64), ("~spatial_simclr", 256)):
        found = costs.embedding_bytes(small, parse_run("essl", "cifar10-16", f"pretext@rotation{name}", 0))
        assert found == 60_000 * 4 * width
    for name, width in (("~plain", 512), ("~eq", 256 * 4 * 4), ("~eq_pooled", 4 * 256), ("~spatial", 4096)):
        found = costs.embedding_bytes(paper, parse_run("essl", "cifar10", f"pretext@rotation{name}", 0))
        assert found == 60_000 * 4 * width


def test_a_stated_speed_may_be_an_encoders_own(config):
    config["encoders"]["slow"] = {**config["encoders"]["small"], "dim": 64}
    config["method_settings"]["simclr"]["encoder"] = "slow"
    config["throughput"] |= {"images_per_second": 1000, "of_encoders": {"slow": 10}}
    completed = complete_config(config)
    speeds = {name: get_stated_speed(completed, run("embedded", name)) for name in ("simclr", "vicreg")}
    assert speeds == {"simclr": 10, "vicreg": 1000}
    config["throughput"]["of_encoders"] = {"slwo": 10}
    with pytest.raises(UserError, match=r"throughput.of_encoders names 'slwo'; did you mean 'slow'"):
        complete_config(config)


def test_what_is_trained_is_not_counted(paper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = describe_costs(paper)
    runs = len(paper["methods"]) * 3
    assert f"Runs: {runs}, of which to train: {runs - 6}" in before  # random and constant do not train
    weights = tmp_path / run("3diebench", "contextssl").folder / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert f"Runs: {runs}, of which to train: {runs - 7}" in describe_costs(paper)


def test_what_is_imported_is_not_trained(paper):
    assert costs.count_trained(paper, run("3diebench", "contextssl~authors")) == 0


def test_memory_is_of_what_is_held_at_a_time_not_of_what_lies_on_disk(paper):
    """By hand: arrays of 2,048 features at most, of which two are probed and one is made; the rest lies on disk."""
    simclr, contextssl = (run("3diebench", name) for name in ("simclr", "contextssl"))
    images = 2_623_600 * 4
    assert costs.largest_array_bytes(paper, simclr) == images * 2048
    assert plan.evaluation_ram(paper, simclr) == 3 * GIB + images * (512 + 2048)  # all of it, which is less than three
    assert costs.largest_array_bytes(paper, contextssl) == images * 512
    assert plan.evaluation_ram(paper, contextssl) == 3 * GIB + 3 * images * 512
    assert costs.embedding_bytes(paper, contextssl) > 10 * plan.evaluation_ram(paper, contextssl)
    assert "RAM, reckoned: 3 GiB a training and up to " in describe_costs(paper)


def test_a_small_evaluation_needs_little_memory():
    small = load_experiment("contextssl/small")
    needed = plan.evaluation_ram(small, run("embedded", "contextssl"))
    assert GIB < needed < 2 * GIB  # make reproduce measured 0.9 to 1.0 GiB
    assert plan.training_ram(small, run("embedded", "contextssl")) < needed
