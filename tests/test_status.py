"""What `make status` says of runs in every state."""

import json
import os

import pytest
from project import call

from workflow_scripts import status
from workflow_scripts.status import describe_runs
from workflow_scripts.support.files import hash_settings

pytestmark = pytest.mark.unit
SETTINGS = {"training": {"steps": 1000, "batch": 256}}
IDENTITY = {"config": hash_settings(SETTINGS), "data": "", "hash": "", "code": "", "torch": ""}
BEFORE = {"step": 240, "loss": 1.5, "images_per_second": 1024.0, "seconds": 5.0}
LINE = {"step": 250, "loss": 1.25, "images_per_second": 5120.0, "seconds": 1.0}


def make_run(results, name, *files, history=None):
    run = results / "toy-paper" / "embedded" / name / "seed0"
    (run / "state").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"settings": SETTINGS, "identity": IDENTITY}))
    for file in files:
        (run / file).parent.mkdir(exist_ok=True)
        (run / file).touch()
    if history is not None:
        (run / "state" / "history.jsonl").write_text(history)
    return run


def test_each_state_is_told_and_the_time_left_is_what_the_pace_says(tmp_path):
    line = json.dumps(BEFORE) + "\n" + json.dumps(LINE) + "\n"
    make_run(tmp_path, "a", "rows/evaluation.parquet", "weights.safetensors", history=line)
    make_run(tmp_path, "b", "weights.safetensors", history=line)
    make_run(tmp_path, "c", history=line + '{"step": 270, "lo')  # it is being written
    silent = make_run(tmp_path, "d", history=line)
    make_run(tmp_path, "e")
    now = (tmp_path / "toy-paper/embedded/c/seed0/state/history.jsonl").stat().st_mtime + 1
    os.utime(silent / "state" / "history.jsonl", (now - 1000, now - 1000))
    lines, counts = describe_runs(tmp_path, now)
    assert counts == {"evaluated": 1, "trained": 1, "running": 1, "stopped": 1, "started": 1}
    # 750 steps at 10 a second
    assert lines == [
        ["toy-paper/embedded/c/seed0", "running", "250 of 1,000", "1.25", "5,120", "0:01:15"],
        ["toy-paper/embedded/d/seed0", "stopped", "250 of 1,000", "1.25", "5,120", ""],
    ]


def test_a_folder_without_runs_is_no_error(tmp_path, capsys):
    call(status, "--results", tmp_path / "nothing")
    assert "0 running" in capsys.readouterr().out
