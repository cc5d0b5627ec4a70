"""What is missing or stale, each with the command that mends it."""

import pandas as pd
import pytest
from reported import PAPER

from workflow_scripts.experiment.code import hash_code, list_evaluation_code, list_training_code
from workflow_scripts.experiment.config import list_experiments, load_experiment
from workflow_scripts.experiment.runs import get_settings, list_runs, parse_run
from workflow_scripts.reporting import gaps
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.support.files import hash_settings, write_json

pytestmark = pytest.mark.unit
SPACE, SMALL = "contextssl", "contextssl/small"
EVALUATORS = ["classes"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make_frame(runs, code="x"):
    """A row of each run, evaluated by code of this hash."""
    rows = [{"dataset": run.dataset, "run": run.folder, "code_hash": code} for run in runs]
    return pd.DataFrame(rows, columns=["dataset", "run", "code_hash"])


def find(experiment, runs, frame, papers=(), datasets=None):
    return gaps.find_gaps(experiment, runs, frame, list(papers), datasets or {}, EVALUATORS)["lines"]


def test_planned_runs_without_rows_are_missing():
    runs = [parse_run(SPACE, "embedded", "simclr", seed) for seed in range(3)]
    assert find(SMALL, runs, make_frame(runs)) == []
    missing = [["embedded", "simclr", "1, 2", gaps.MISSING, "make reproduce EXPERIMENT=contextssl/tabular"]]
    assert find("contextssl/tabular", runs, make_frame(runs[:1])) == missing  # whose three seeds its config asks for
    ((*_, command),) = find(SMALL, runs, make_frame(runs[:1]))
    assert command == "make reproduce EXPERIMENT=contextssl/small SEEDS=3"
    odd = [parse_run(SPACE, "embedded", "simclr", seed) for seed in (4, 7)]
    for experiment in ("of a user", SMALL):
        (line,) = find(experiment, odd, make_frame(odd[:1]))
        assert line[2:] == ["7", gaps.MISSING, "the command that this experiment was started with"]


def test_older_code_is_stale(tmp_path):
    run = parse_run(SPACE, "embedded", "equimod@color", 0)
    settings = get_settings(load_experiment(SMALL), run)
    evaluation, training = (
        hash_code(list_evaluation_code(settings, EVALUATORS)),
        hash_code(list_training_code(settings)),
    )
    file = tmp_path / run.folder / "run.json"

    def write(code, **changes):
        own = {**settings, **changes}
        identity = {"config": hash_settings(own), "data": "", "hash": "", "code": code, "torch": ""}
        write_json(file, {"settings": own, "identity": identity})

    write(training)
    assert find(SMALL, [run], make_frame([run], evaluation)) == []
    command = "make reproduce EXPERIMENT=contextssl/small"
    stale = ["embedded", "equimod@color", "0", gaps.OLD_EVALUATION, command]
    assert find(SMALL, [run], make_frame([run], "older")) == [stale]
    write("older")
    ((*_, reason, line),) = find(SMALL, [run], make_frame([run], evaluation))
    assert reason == gaps.OLD_TRAINING
    assert line == f"rm -r {run.folder}; {command}"
    imported = {"training": {**settings["training"], "checkpoint": "a.pt"}}
    made = hash_code(list_evaluation_code({**settings, **imported}, EVALUATORS))
    write("older", **imported)
    assert find(SMALL, [run], make_frame([run], made)) == []  # this code trained nothing


def test_the_default_experiment_names_the_command_of_its_ablations():
    config = load_experiment(SMALL)
    runs = [run for run in list_runs(config) if run.dataset == "embedded"]
    entry = {"benchmarks": {"contextssl": "3diebench"}, "views": "stored", "methods": config["methods"]}
    given = ([read_paper(PAPER)], {"embedded": entry})
    lines = {line[1]: line[3:] for line in find(SMALL, runs, make_frame(runs), *given)}
    assert lines["contextssl~noaux"] == [gaps.ELSEWHERE, "make reproduce EXPERIMENT=contextssl/ablations"]
    assert set(lines) <= set(load_experiment("contextssl/ablations")["methods"])
    # With them among the rows, nothing is left to say.
    more = [parse_run(SPACE, "embedded", name, 0) for name in lines]
    assert find(SMALL, runs, make_frame([*runs, *more]), *given) == []


def test_a_run_of_no_experiment_is_one_to_add():
    experiments = gaps.read_experiments(SPACE)
    assert set(experiments) == {name for name in list_experiments() if name.startswith("contextssl/")}
    assert "add new to methods" in gaps.find_command("embedded", "new", experiments)
