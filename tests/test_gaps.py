"""What is missing or stale, each with the command that mends it."""

import pandas as pd
import pytest
from project import ROOT

from workflow_scripts.experiment.config import read_yaml
from workflow_scripts.experiment.identity import hash_code, list_evaluation_code, list_training_code
from workflow_scripts.experiment.runs import list_runs, merge, parse_run
from workflow_scripts.reporting import gaps
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
PAPER = ROOT / "papers" / "contextssl.yaml"


def make_frame(runs, code=None):
    """A row of each run, evaluated by the present code unless `code` says another."""
    rows = [
        {"dataset": run.dataset, "run": run.folder, "code_hash": code or hash_code(list_evaluation_code(run.method))}
        for run in runs
    ]
    return pd.DataFrame(rows, columns=["dataset", "run", "code_hash"])


def find(experiment, runs, frame, papers=(), datasets=None):
    return gaps.find_gaps(experiment, runs, frame, list(papers), datasets or {})["rows"]


def test_planned_runs_without_rows_are_missing():
    runs = [parse_run("embedded", "simclr", seed) for seed in range(3)]
    assert find("embedded", runs, make_frame(runs)) == []
    missing = [["embedded", "simclr", "1, 2", gaps.MISSING, "make reproduce EXPERIMENT=tabular"]]
    assert find("tabular", runs, make_frame(runs[:1])) == missing  # whose three seeds its config asks for
    ((*_, command),) = find("embedded", runs, make_frame(runs[:1]))
    assert command == "make reproduce SEEDS=3"
    odd = [parse_run("embedded", "simclr", seed) for seed in (4, 7)]
    for experiment in ("of a user", "embedded"):
        (line,) = find(experiment, odd, make_frame(odd[:1]))
        assert line[2:] == ["7", gaps.MISSING, "the command that this experiment was started with"]


def test_older_code_is_stale(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = parse_run("embedded", "equimod@color", 0)
    assert find("embedded", [run], make_frame([run], "older")) == [
        ["embedded", "equimod@color", "0", gaps.OLD_EVALUATION, "make reproduce"]
    ]
    file = tmp_path / run.folder / "run.json"
    for code, stale in ((hash_code(list_training_code("equimod")), False), ("older", True)):
        write_json(file, {"settings": {}, "identity": {"code": code}})
        lines = find("embedded", [run], make_frame([run]))
        assert [line[3] for line in lines] == [gaps.OLD_TRAINING] * stale
    assert lines[0][4] == "rm -r results/embedded/equimod@color/seed0; make reproduce"
    write_json(file, {"settings": {"training": {"import": "a.pt"}}, "identity": {"code": "older"}})
    assert find("embedded", [run], make_frame([run])) == []  # this code trained nothing


def test_the_default_experiment_names_the_command_of_its_ablations():
    config = read_yaml(ROOT / "config.yaml")
    runs = [run for run in list_runs(config) if run.dataset == "embedded"]
    entry = {"benchmark": "3diebench", "methods": config["methods"]}
    lines = {line[1]: line[3:] for line in find("embedded", runs, make_frame(runs), [PAPER], {"embedded": entry})}
    assert lines["contextssl~noaux"] == [gaps.ELSEWHERE, "make reproduce EXPERIMENT=embedded-ablations"]
    overlay = merge(config, read_yaml(ROOT / "experiments" / "embedded-ablations.yaml"))
    assert set(lines) <= set(overlay["methods"])
    # With them among the rows, nothing is left to say.
    more = [parse_run("embedded", name, 0) for name in lines]
    assert find("embedded", runs, make_frame([*runs, *more]), [PAPER], {"embedded": entry}) == []


def test_a_run_of_no_experiment_is_one_to_add():
    experiments = gaps.read_experiments()
    assert "add new to methods" in gaps.find_command("embedded", "new", experiments)
