"""TensorBoard's logs hold what the histories hold, also after a training went back to its checkpoint."""

import json

import pytest
from project import call, refuse
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from workflow_scripts import tensorboard
from workflow_scripts.tensorboard import HistoryLogs

pytestmark = pytest.mark.unit


def write_history(results, name, steps, scale=1.0):
    path = results / "paper" / "toy" / name / "seed0" / "state" / "history.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, "loss": scale / step, "lr": 0.1}) for step in steps]
    path.write_text("\n".join(lines) + "\n")


def read_logs(logs, name, tag="loss"):
    events = EventAccumulator(str(logs / "paper" / "toy" / name / "seed0"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_logs_follow_histories(tmp_path):
    results, logs = tmp_path / "results", tmp_path / "logs"
    (logs / "old").mkdir(parents=True)
    follow = HistoryLogs(results, logs)
    assert follow.update() == 0
    write_history(results, "simclr", [10, 20])
    write_history(results, "contextssl", [10])
    assert follow.update() == 2
    write_history(results, "simclr", [10, 20, 30])
    follow.update()
    follow.update()
    assert read_logs(logs, "simclr") == [(s, pytest.approx(1 / s)) for s in (10, 20, 30)]
    assert read_logs(logs, "contextssl", "lr") == [(10, pytest.approx(0.1))]
    assert not (logs / "old").exists()
    write_history(results, "simclr", [10, 20], scale=2.0)  # killed, and resumed from a checkpoint before step 30
    follow.update()
    write_history(results, "simclr", [10, 20, 30, 40], scale=2.0)
    follow.update()
    assert read_logs(logs, "simclr") == [(s, pytest.approx(2 / s)) for s in (10, 20, 30, 40)]


def test_the_command_says_when_there_is_nothing(tmp_path, capsys):
    wanted = f"error: {tmp_path} holds no history of a training yet; start one with make reproduce"
    assert refuse(tensorboard, "--once", "--results", tmp_path) == wanted
    write_history(tmp_path, "simclr", [10])
    call(tensorboard, "--once", "--results", tmp_path)
    assert "histories of 1 trainings" in capsys.readouterr().out
