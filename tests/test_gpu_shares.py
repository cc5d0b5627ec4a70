"""Shares of a GPU that jobs ask for: upper bounds of what their networks really hold, and small for small runs."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from project import ROOT

from workflow_scripts.data.transformations import TransformationSpace
from workflow_scripts.experiment import gpu_shares
from workflow_scripts.experiment.config import list_experiments, load_experiment
from workflow_scripts.experiment.costs import GIB, count_values, count_views, embedding_bytes
from workflow_scripts.experiment.gpu_shares import BASE, STATES, get_gpu_share
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import get_settings, list_groups, list_runs, parse_run
from workflow_scripts.methods.base import Task, make_method
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.support.plugins import list_plugins, load_plugin

pytestmark = pytest.mark.unit
ENCODERS = [
    ({"kind": "small", "channels": [16, 32, 32, 64], "dim": 128}, (3, 32, 32)),
    ({"kind": "small", "channels": [32, 64, 64, 128], "dim": 256}, (3, 64, 64)),
    ({"kind": "resnet18", "stem": "imagenet"}, (3, 64, 64)),
    ({"kind": "resnet18", "stem": "cifar"}, (3, 32, 32)),
    ({"kind": "mlp", "widths": [256, 256], "dim": 64}, (12,)),
]
WIDE = [  # measured without computing anything, and with many images, beside which filters that are made anew are few
    {"kind": "resnet50", "stem": "cifar"},
    {"kind": "split_resnet18", "stem": "cifar", "splits": 8},
    {"kind": "dropout_resnet", "widths": [64, 128, 256, 512], "blocks": 2, "project": 4096},
    {"kind": "p4_resnet", "widths": [32, 64, 128, 256], "blocks": 2},
]


@pytest.fixture
def memory(monkeypatch):
    """Pretend that the machine's smallest GPU has so many GiB."""
    return lambda gib: monkeypatch.setattr(gpu_shares, "read_smallest_memory", lambda: gib * GIB)


def first_runs(config):
    """Runs of the config's first seed."""
    return [run for run in list_runs(config) if run.seed == config["seeds"][0]]


def make_space(groups):
    """A space of four entries a group, each with as many values as any transformation."""
    entries = {group: slice(4 * i, 4 * i + 4) for i, group in enumerate(groups)}
    return TransformationSpace(entries, torch.sub, dict.fromkeys(groups, 24))


def count_kept(encoder, batch):
    """Bytes of the tensors that a forward pass keeps for the backward one, parameters aside."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = encoder(batch)
    own = {parameter.untyped_storage()._cdata for parameter in encoder.parameters()}
    size = sum(tensor.untyped_storage().nbytes() for pointer, tensor in kept.items() if pointer not in own)
    assert output.requires_grad
    return size


@pytest.mark.parametrize(("encoder", "shape"), ENCODERS)
def test_encoders_keep_no_more_than_they_declare(encoder, shape):
    schema = read_schema("encoders", encoder["kind"])
    batch = torch.randn(8, *shape)
    measured = count_kept(make_encoder(encoder, shape[-1], len(shape) == 1, 0), batch)
    declared = batch.numel() * schema["x-memory"] * gpu_shares._widening(encoder, schema)
    assert measured <= declared
    if encoder != ENCODERS[2][0]:  # whose other stem needs ten times as much
        assert declared <= 1.3 * measured


@pytest.mark.parametrize("encoder", WIDE, ids=lambda encoder: encoder["kind"])
def test_wide_encoders_keep_no_more_than_they_declare(encoder):
    schema = read_schema("encoders", encoder["kind"])
    with torch.device("meta"):
        batch = torch.empty(256, 3, 32, 32)
        measured = count_kept(make_encoder(encoder, 32, False, 0), batch)
    declared = batch.numel() * schema["x-memory"] * gpu_shares._widening(encoder, schema)
    assert measured <= declared <= 1.3 * measured


def test_every_encoder_is_measured_here():
    measured = {encoder["kind"] for encoder in [*WIDE, *(encoder for encoder, _ in ENCODERS)]}
    assert measured == set(list_plugins("models.encoders", "ENCODER"))


@pytest.mark.parametrize("name", list_experiments())
def test_no_run_has_more_parameters_than_is_reckoned_with(name):
    config = load_experiment(name)
    for run in first_runs(config):
        settings = get_settings(config, run)
        space = make_space(list_groups(settings["dataset"]))
        rows = load_plugin("models.encoders", settings["encoder"]["kind"], "ENCODER").reads_rows
        with torch.device("meta"):
            encoder = make_encoder(settings["encoder"], count_values(config, run) if rows else 64, rows, 0)
            method = make_method(run.method, settings["settings"], encoder, Task(space, 55), 0, run.group)
        weights = STATES * sum(parameter.numel() for parameter in method.parameters())
        reckoned = gpu_shares.training_memory(config, run) - 2 * gpu_shares.activation_memory(config, run)
        assert weights <= reckoned - BASE * 2 / 3, run.name  # a third of the base is for small encoders' own weights


def test_shares_by_hand(small_config, memory):
    """24 bytes a value of 32 x 32 x 3 of 512 images, twice; 48 matrices of the largest width with Adam's states."""
    run = parse_run("contextssl", "embedded", "simclr", 0)
    settings = get_settings(small_config, run)
    images = 2 * settings["training"]["batch"]
    needed = 1.5 * GIB + 2 * images * 32 * 32 * 3 * 24 + 16 * 48 * max(settings["settings"]["projector"]) ** 2
    assert gpu_shares.training_memory(small_config, run) == needed
    assert gpu_shares.evaluation_memory(small_config, run) == needed + 3 * embedding_bytes(small_config, run)
    for gib, share in ((141, 10), (80, 10), (8, 30), (2, 90), (1, 100)):
        memory(gib)
        assert get_gpu_share(small_config, run, "training") == share
        assert share == 100 or 10 * (share // 10 - 1) * gib * GIB / 100 < needed <= share * gib * GIB / 100


@pytest.mark.parametrize("job", ["training", "evaluation"])
def test_the_default_experiment_shares_a_large_gpu_and_the_papers_does_not(job, small_config, memory):
    memory(80)
    assert {get_gpu_share(small_config, run, job) for run in first_runs(small_config)} == {10}
    paper = load_experiment("contextssl/paper")
    assert {get_gpu_share(paper, run, job) for run in first_runs(paper)} == {100}


def test_who_must_not_share_does_not(config, memory):
    run = first_runs(config)[0]
    memory(80)
    assert get_gpu_share(config, run, "training") == 10
    config["engine"]["share_gpu"] = False
    assert get_gpu_share(config, run, "training") == 100
    config["engine"]["device"] = "cpu"
    assert get_gpu_share(config, run, "training") == 0
    config["engine"] |= {"share_gpu": True, "device": "auto"}
    memory(0)  # unknown, or none on the machine that plans
    assert get_gpu_share(config, run, "training") == 100


@pytest.mark.parametrize("name", list_plugins("methods", "METHOD"))
def test_methods_have_as_many_views_as_they_declare(name, smoke_config):
    cls = load_plugin("methods", name, "METHOD")
    group = "rotation" if cls.needs_group else ""
    task = Task(make_space(["rotation", "color"]), 5)
    with torch.device("meta"):
        method = make_method(name, {}, make_encoder({"kind": "small"}, 32, False, 0), task, 0, group)
    run = parse_run("contextssl", "smoke", method_name(name, group), 0)
    assert len(method.sharing()) == count_views(smoke_config, run) >= cls.views


@pytest.mark.parametrize(("left_out", "views"), [(["color"], 3), (["color", "rotation"], 4), (None, 4)])
def test_a_method_reads_a_view_more_for_each_group_it_leaves_out(left_out, views, smoke_config):
    smoke_config["method_settings"]["looc"] = {"settings": {"left_out": left_out}}
    assert count_views(smoke_config, parse_run("contextssl", "smoke", "looc", 0)) == views


def method_name(name, group):
    return f"{name}@{group}" if group else name


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_rules_ask_for_shares(device, tmp_path):
    """Snakemake's own plan, on a machine with a pretended GPU."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-aa, 81559, Disabled, NVIDIA H100'\n")
    tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "4", "--dry-run"]
    options = [
        "--resources",
        "gpu_share=100",
        "--config",
        "experiment=contextssl/smoke",
        f"engine={{device: {device}}}",
    ]
    result = subprocess.run(
        [*command, *options, "--printshellcmds"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    asked = [line for line in result.stdout.splitlines() if "--gpu-share" in line]
    trained = [line for line in asked if "workflow_scripts.pretrain" in line]
    runs = len(list_runs(load_experiment("contextssl/smoke")))
    assert len(trained) == runs
    assert len(asked) == 2 * runs
    share = 10 if device == "auto" else 0
    assert all(f"--gpu-share {share} " in line for line in asked), json.dumps(asked[:1])
    held = re.findall(r"\bgpu=(\d+), gpu_share=(\d+)", result.stdout)
    assert len(held) > 2 * runs
    assert {(gpu, part != "0") for gpu, part in held} == ({("1", True), ("0", False)} if share else {("0", False)})
