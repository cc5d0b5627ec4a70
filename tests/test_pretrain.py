"""Training: kills, resumption, and everything that must stop it with a clear sentence.

What is killed, or told to stop, is a process; what is not is called here, without the seconds that one takes to start.
"""

import copy
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from project import ROOT, call, refuse

from workflow_scripts import evaluate, pretrain
from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.methods.base import Task
from workflow_scripts.support.errors import RESUME_CODE, UserError
from workflow_scripts.training.run import build_method, read_weights, save_weights, start_from
from workflow_scripts.training.state import TrainingState

pytestmark = pytest.mark.faults
STEPS = 50
MOCO = {"hidden": 8, "width": 8, "temperature": 0.2, "momentum": 0.9, "queue": 24, "shared": []}


def settings_of(config, name="contextssl", **training):
    settings = get_settings(config, parse_run("contextssl", "smoke", name, 0))
    settings["training"] = {**settings["training"], **training}
    return settings


def arguments_of(run, packed, settings, checkpoint_seconds=0):
    options = {"--run": run, "--data": packed, "--settings": json.dumps(settings), "--device": "cpu", "--threads": 1}
    options |= {"--checkpoint-seconds": checkpoint_seconds, "--log-every": 1}
    return [str(part) for option in options.items() for part in option]


def train(*arguments, **options):
    """Train in this process, to the end."""
    call(pretrain, *arguments_of(*arguments, **options))


def start(run, packed, settings, checkpoint_seconds=0, stderr=subprocess.DEVNULL, environment=()):
    """Start a training in a process of its own."""
    arguments = arguments_of(run, packed, settings, checkpoint_seconds)
    command = [sys.executable, "-m", "workflow_scripts.pretrain", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, text=True)


def read_history(run):
    history = run / "state" / "history.jsonl"
    # Without the line that is being written.
    return history.read_text().split("\n")[:-1] if history.exists() else []


def wait_for_steps(process, run, steps):
    deadline = time.monotonic() + 60
    while len(read_history(run)) < steps:
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_at(steps, run, packed, settings):
    """Start a training, or go on with it, and kill it after so many steps."""
    process = start(run, packed, settings)
    wait_for_steps(process, run, steps)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "weights.safetensors").exists()


def assert_same(broken, whole):
    assert (broken / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert [json.loads(line)["step"] for line in read_history(broken)] == list(range(1, STEPS + 1))


@pytest.fixture(scope="module")
def unbroken(smoke_config, smoke_packed, tmp_path_factory):
    """The settings of a training, and the folder of one that nothing interrupted. Read only."""
    settings = settings_of(smoke_config, steps=STEPS, last_batch="keep")
    run = tmp_path_factory.mktemp("unbroken")
    train(run, smoke_packed, settings, checkpoint_seconds=1000)
    return settings, run


def test_a_run_killed_twice_ends_with_the_weights_of_an_unbroken_one(unbroken, smoke_packed, tmp_path):
    settings, whole = unbroken
    for steps in (8, 20):
        kill_at(steps, tmp_path, smoke_packed, settings)
    train(tmp_path, smoke_packed, settings)
    assert_same(tmp_path, whole)


def test_sigterm_stops_a_process_after_a_checkpoint(unbroken, smoke_packed, tmp_path):
    settings, whole = unbroken
    process = start(tmp_path, smoke_packed, settings, checkpoint_seconds=1000, stderr=subprocess.PIPE)
    wait_for_steps(process, tmp_path, 8)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == RESUME_CODE == 75
    assert f"of {STEPS} on SIGTERM; the same command goes on from there" in said
    assert (tmp_path / "state" / "checkpoint.pt").exists()
    assert 8 <= len(read_history(tmp_path)) < STEPS
    train(tmp_path, smoke_packed, settings, checkpoint_seconds=1000)
    assert_same(tmp_path, whole)


@pytest.fixture
def stop_at(monkeypatch, capsys):
    """Train in this process, which gets a signal after so many steps."""

    def stop(number, steps, *arguments):
        def log(state, entry):
            real(state, entry)
            if entry["step"] == steps:
                os.kill(os.getpid(), number)

        real = TrainingState.log
        capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(TrainingState, "log", log)
            with pytest.raises(SystemExit) as stopped:
                train(*arguments, checkpoint_seconds=1000)
        assert stopped.value.code == RESUME_CODE
        assert f"stopped after step {steps + 1} of {STEPS} on {number.name}" in capsys.readouterr().err

    return stop


def test_a_run_stopped_twice_ends_with_the_weights_of_an_unbroken_one(smoke_config, smoke_packed, stop_at, tmp_path):
    settings = settings_of(smoke_config, "vicreg", steps=STEPS, last_batch="keep")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(whole, smoke_packed, settings, checkpoint_seconds=1000)
    for number, steps in ((signal.SIGUSR1, 8), (signal.SIGTERM, 25)):
        stop_at(number, steps, broken, smoke_packed, settings)
        assert not (broken / "weights.safetensors").exists()
    train(broken, smoke_packed, settings)
    assert_same(broken, whole)


def test_a_momentum_encoder_and_a_queue_survive_a_stop(smoke_config, smoke_packed, stop_at, tmp_path):
    settings = {**settings_of(smoke_config, "simclr", steps=STEPS), "method": "moco", "settings": MOCO}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(whole, smoke_packed, settings, checkpoint_seconds=1000)
    stop_at(signal.SIGTERM, 20, broken, smoke_packed, settings)
    train(broken, smoke_packed, settings)
    assert_same(broken, whole)
    weights, _ = read_weights(whole / "weights.safetensors")
    assert weights["enqueued"] == STEPS * settings["training"]["batch"]
    assert not torch.equal(weights["slow_heads.0.0.weight"], weights["heads.0.0.weight"])
    # What is watched is no part of the loss.
    lines = [json.loads(line) for line in read_history(whole)]
    assert all(line["loss"] == line["contrastive"] and 0 <= line["key found"] <= 100 for line in lines)


def test_a_living_run_has_no_second_writer_and_ends_with_the_snakemake_that_started_it(
    smoke_config, smoke_packed, tmp_path
):
    parent = subprocess.Popen(["sleep", "1000"])
    settings = settings_of(smoke_config, steps=100_000)
    process = start(tmp_path, smoke_packed, settings, environment={"WORKFLOW_PID": str(parent.pid)})
    try:
        wait_for_steps(process, tmp_path, 3)
        assert "another process is writing" in refuse(pretrain, *arguments_of(tmp_path, smoke_packed, settings))
        assert process.poll() is None
        parent.kill()
        assert process.wait(timeout=20) == RESUME_CODE
    finally:
        process.kill()
        parent.kill()
        parent.wait()


def test_a_damaged_checkpoint_is_named_and_not_used(smoke_config, smoke_packed, capsys, tmp_path):
    settings = settings_of(smoke_config)
    train(tmp_path, smoke_packed, settings)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    checkpoint = tmp_path / "state" / "checkpoint.pt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    (tmp_path / "weights.safetensors").unlink()
    capsys.readouterr()
    train(tmp_path, smoke_packed, settings)
    assert "checkpoint.pt is damaged" in capsys.readouterr().err
    assert (tmp_path / "weights.safetensors").read_bytes() == weights


def test_a_non_finite_loss_stops_the_run(smoke_config, smoke_packed, tmp_path):
    settings = settings_of(smoke_config, lr=1e30, clip_norm=None)
    said = refuse(pretrain, *arguments_of(tmp_path, smoke_packed, settings))
    assert "loss became" in said
    assert "lower training.lr" in said
    assert not (tmp_path / "weights.safetensors").exists()


def test_too_few_objects_for_a_batch(smoke_config, smoke_packed, tmp_path):
    arguments = arguments_of(tmp_path, smoke_packed, settings_of(smoke_config, batch=4096))
    assert "training.batch is 4096" in refuse(pretrain, *arguments)


def test_another_configuration_is_refused_and_nothing_is_lost(unbroken, smoke_packed):
    settings, run = unbroken
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    other = {**settings, "training": {**settings["training"], "lr": 0.5}}
    said = refuse(pretrain, *arguments_of(run, smoke_packed, other))
    assert "made with another configuration (training.lr: 0.002 there, 0.5 now)" in said
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_missing_data_is_one_sentence(smoke_config, run_module, tmp_path):
    """In a process of its own: what a terminal shows."""
    arguments = arguments_of(tmp_path / "run", tmp_path / "nowhere", settings_of(smoke_config))
    result = run_module("pretrain", *arguments, check=False)
    assert result.returncode == 1
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_evaluation_refuses_weights_of_another_run(smoke_config, smoke_packed, tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    for run, lr in zip(runs, (0.001, 0.002), strict=True):
        train(run, smoke_packed, settings_of(smoke_config, steps=2, lr=lr))
    weights = runs[1] / "weights.safetensors"
    weights.write_bytes((runs[0] / "weights.safetensors").read_bytes())
    arguments = ["--run", runs[1], "--data", smoke_packed, "--evaluation", json.dumps(smoke_config["evaluation"])]
    for option, name in (("--output", "rows.parquet"), ("--summary", "evaluation.json"), ("--card", "card.md")):
        arguments += [option, tmp_path / name]
    arguments += ["--labels", "{}", "--device", "cpu"]
    assert "weights of another configuration" in refuse(evaluate, *arguments)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "is damaged" in refuse(evaluate, *arguments)
    assert not (tmp_path / "rows.parquet").exists()


def test_a_warm_start_takes_the_encoder_and_nothing_else(smoke_config, smoke_packed, tmp_path):
    def build(name, seed, **changes):
        settings = {**settings_of(smoke_config, name), "seed": seed, **changes}
        views = open_views(smoke_packed, settings["dataset"], "train", torch.device("cpu"))
        return build_method(settings, Task(views.space, views.classes), smoke_packed)

    simclr, contextssl = build("simclr", 0), build("contextssl", 1)
    identity = claim_run(tmp_path, settings_of(smoke_config, "simclr"), smoke_packed)
    save_weights(simclr, tmp_path / "weights.safetensors", identity)
    before = copy.deepcopy(contextssl.predictor.state_dict())
    start_from(contextssl, tmp_path / "weights.safetensors", identity)
    for name, value in simclr.encoder.state_dict().items():
        assert torch.equal(contextssl.encoder.state_dict()[name], value)
    assert all(torch.equal(before[name], value) for name, value in contextssl.predictor.state_dict().items())
    other = build("contextssl", 1, encoder={"kind": "small", "channels": [4, 4, 4, 4], "dim": 8})
    with pytest.raises(UserError, match="does not fit this run's"):
        start_from(other, tmp_path / "weights.safetensors", identity)
