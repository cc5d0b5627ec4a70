"""Training: kills, resumption, and everything that must stop it with a clear sentence."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.methods.base import Task
from workflow_scripts.support.errors import RESUME_CODE, UserError
from workflow_scripts.training.run import build_method, read_weights, save_weights, start_from

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.faults


def settings_of(config, name="contextssl", **training):
    settings = get_settings(config, parse_run("contextssl", "smoke", name, 0))
    settings["training"] = {**settings["training"], **training}
    return settings


def arguments_of(run, packed, settings, checkpoint_seconds=0):
    options = {"--run": run, "--data": packed, "--settings": json.dumps(settings), "--device": "cpu", "--threads": 1}
    options |= {"--checkpoint-seconds": checkpoint_seconds, "--log-every": 1}
    return [str(part) for option in options.items() for part in option]


def start(run, packed, settings, checkpoint_seconds=0, stderr=subprocess.DEVNULL, environment=(), cwd=None):
    arguments = arguments_of(run, packed, settings, checkpoint_seconds)
    command = [sys.executable, "-m", "workflow_scripts.pretrain", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)}
    return subprocess.Popen(command, env=environment, cwd=cwd, stdout=subprocess.DEVNULL, stderr=stderr, text=True)


def steps_done(run):
    history = run / "state" / "history.jsonl"
    return len(history.read_text().splitlines()) if history.exists() else 0


def wait_for_steps(process, run, steps):
    deadline = time.monotonic() + 60
    while steps_done(run) < steps:
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("name", ["contextssl", "vicreg"])
def test_a_run_killed_twice_ends_with_the_weights_of_an_unbroken_one(
    name, smoke_config, smoke_packed, run_module, tmp_path
):
    settings = settings_of(smoke_config, name, steps=150, last_batch="keep")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_module("pretrain", *arguments_of(whole, smoke_packed, settings, checkpoint_seconds=1000))
    for steps in (20, 70):
        process = start(broken, smoke_packed, settings)
        wait_for_steps(process, broken, steps)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (broken / "weights.safetensors").exists()
    run_module("pretrain", *arguments_of(broken, smoke_packed, settings))
    assert (broken / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    history = [json.loads(line) for line in (broken / "state" / "history.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in history] == list(range(1, 151))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_stops_a_run_after_a_checkpoint(number, smoke_config, smoke_packed, run_module, tmp_path):
    settings = settings_of(smoke_config, steps=150)
    whole, run = tmp_path / "whole", tmp_path / "run"
    arguments = arguments_of(run, smoke_packed, settings, checkpoint_seconds=1000)
    process = start(run, smoke_packed, settings, checkpoint_seconds=1000, stderr=subprocess.PIPE)
    wait_for_steps(process, run, 20)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == RESUME_CODE == 75
    assert f"of 150 on {number.name}; the same command goes on from there" in said
    assert (run / "state" / "checkpoint.pt").exists()
    stopped = steps_done(run)
    run_module("pretrain", *arguments)
    history = [json.loads(line)["step"] for line in (run / "state" / "history.jsonl").read_text().splitlines()]
    assert history == list(range(1, 151))
    assert 20 <= stopped < 150
    run_module("pretrain", *arguments_of(whole, smoke_packed, settings, checkpoint_seconds=1000))
    assert (run / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_a_run_ends_with_the_snakemake_that_started_it(smoke_config, smoke_packed, tmp_path):
    parent = subprocess.Popen(["sleep", "1000"])
    run, settings = tmp_path / "run", settings_of(smoke_config, steps=100_000)
    process = start(run, smoke_packed, settings, environment={"WORKFLOW_PID": str(parent.pid)})
    try:
        wait_for_steps(process, run, 3)
        parent.kill()
        assert process.wait(timeout=20) == RESUME_CODE
    finally:
        process.kill()
        parent.kill()
        parent.wait()


def test_a_damaged_checkpoint_is_named_and_not_used(smoke_config, smoke_packed, run_module, tmp_path):
    run, settings = tmp_path / "run", settings_of(smoke_config)
    run_module("pretrain", *arguments_of(run, smoke_packed, settings))
    weights = (run / "weights.safetensors").read_bytes()
    checkpoint = run / "state" / "checkpoint.pt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    result = run_module("pretrain", *arguments_of(run, smoke_packed, settings))
    assert "checkpoint.pt is damaged" in result.stderr
    assert (run / "weights.safetensors").read_bytes() == weights


def test_a_non_finite_loss_stops_the_run(smoke_config, smoke_packed, run_module, tmp_path):
    settings = settings_of(smoke_config, lr=1e30, clip_norm=None)
    result = run_module("pretrain", *arguments_of(tmp_path / "run", smoke_packed, settings), check=False)
    assert result.returncode == 1
    assert "loss became" in result.stderr
    assert "lower training.lr" in result.stderr
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_too_few_objects_for_a_batch(smoke_config, smoke_packed, run_module, tmp_path):
    settings = settings_of(smoke_config, batch=4096)
    result = run_module("pretrain", *arguments_of(tmp_path / "run", smoke_packed, settings), check=False)
    assert result.returncode == 1
    assert "training.batch is 4096" in result.stderr


def test_another_configuration_is_refused_and_nothing_is_lost(smoke_config, smoke_packed, run_module, tmp_path):
    run = tmp_path / "run"
    run_module("pretrain", *arguments_of(run, smoke_packed, settings_of(smoke_config)))
    before = (run / "weights.safetensors").read_bytes()
    other = settings_of(smoke_config, lr=0.5)
    result = run_module("pretrain", *arguments_of(run, smoke_packed, other), check=False)
    assert result.returncode == 1
    assert "made with another configuration (training.lr: 0.002 there, 0.5 now)" in result.stderr
    assert (run / "weights.safetensors").read_bytes() == before


def test_a_second_writer_is_refused(smoke_config, smoke_packed, run_module, tmp_path):
    run, settings = tmp_path / "run", settings_of(smoke_config, steps=100_000)
    process = start(run, smoke_packed, settings)
    try:
        wait_for_steps(process, run, 1)
        result = run_module("pretrain", *arguments_of(run, smoke_packed, settings), check=False)
    finally:
        process.kill()
        process.wait()
    assert result.returncode == 1
    assert "another process is writing" in result.stderr


def test_missing_data_is_one_sentence(smoke_config, run_module, tmp_path):
    arguments = arguments_of(tmp_path / "run", tmp_path / "nowhere", settings_of(smoke_config))
    result = run_module("pretrain", *arguments, check=False)
    assert result.returncode == 1
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_evaluation_refuses_weights_of_another_run(smoke_config, smoke_packed, run_module, tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    for run, lr in zip(runs, (0.001, 0.002), strict=True):
        run_module("pretrain", *arguments_of(run, smoke_packed, settings_of(smoke_config, steps=2, lr=lr)))
    (runs[1] / "weights.safetensors").write_bytes((runs[0] / "weights.safetensors").read_bytes())
    evaluation = json.dumps(smoke_config["evaluation"])
    arguments = ["--run", runs[1], "--data", smoke_packed, "--evaluation", evaluation, "--labels", "{}"]
    arguments += [
        "--output",
        tmp_path / "rows.parquet",
        "--summary",
        tmp_path / "evaluation.json",
        "--card",
        tmp_path / "card.md",
    ]
    result = run_module("evaluate", *arguments, check=False)
    assert result.returncode == 1
    assert "weights of another configuration" in result.stderr
    weights = runs[1] / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    result = run_module("evaluate", *arguments, check=False)
    assert result.returncode == 1
    assert "is damaged" in result.stderr


@pytest.fixture
def toy_project(tmp_path):
    """The package with one more method, which has a momentum encoder and a queue."""
    folder = tmp_path / "project"
    shutil.copytree(
        ROOT / "workflow_scripts", folder / "workflow_scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "tests" / "support" / "momentum_toy.py", folder / "workflow_scripts" / "methods")
    return folder


def test_a_momentum_encoder_and_a_queue_survive_kills(toy_project, smoke_config, smoke_packed, tmp_path):
    settings = {**settings_of(smoke_config, "simclr", steps=120), "method": "momentum_toy", "settings": {}}
    paths = {"environment": {"PYTHONPATH": str(toy_project)}, "cwd": toy_project}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole, smoke_packed, settings, checkpoint_seconds=1000, **paths).wait(timeout=100) == 0
    for steps in (20, 70):
        process = start(broken, smoke_packed, settings, **paths)
        wait_for_steps(process, broken, steps)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (broken / "weights.safetensors").exists()
    assert start(broken, smoke_packed, settings, **paths).wait(timeout=100) == 0
    assert (broken / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    weights, _ = read_weights(whole / "weights.safetensors")
    assert weights["place"] == 120 * settings["training"]["batch"]
    assert not torch.equal(weights["slow.1.weight"], weights["projector.weight"])
    lines = [json.loads(line) for line in (whole / "state" / "history.jsonl").read_text().splitlines()]
    # What is watched is no part of the loss.
    assert all(line["loss"] == line["contrastive"] and 0 <= line["found"] <= 1 for line in lines)


def test_a_warm_start_takes_the_encoder_and_nothing_else(smoke_config, smoke_packed, tmp_path):
    def build(name, seed, **changes):
        settings = {**settings_of(smoke_config, name), "seed": seed, **changes}
        views = open_views(smoke_packed, settings["dataset"], "train", torch.device("cpu"))
        return build_method(settings, Task(views.space, views.classes), smoke_packed)

    simclr, contextssl = build("simclr", 0), build("contextssl", 1)
    save_weights(simclr, tmp_path / "weights.safetensors", {})
    before = copy.deepcopy(contextssl.predictor.state_dict())
    start_from(contextssl, tmp_path / "weights.safetensors")
    for name, value in simclr.encoder.state_dict().items():
        assert torch.equal(contextssl.encoder.state_dict()[name], value)
    assert all(torch.equal(before[name], value) for name, value in contextssl.predictor.state_dict().items())
    other = build("contextssl", 1, encoder={"kind": "small", "channels": [4, 4, 4, 4], "dim": 8})
    with pytest.raises(UserError, match="does not fit this run's"):
        start_from(other, tmp_path / "weights.safetensors")
