"""make plan: one table of jobs, costs, and nothing that stays; what goes wrong is one sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, SMOKE

from workflow_scripts import experiments
from workflow_scripts.experiment.config import list_experiments
from workflow_scripts.plan import find_error, find_table, leave_no_trace
from workflow_scripts.support.errors import UserError

SAID = """Building DAG of jobs...
Job stats:
job     count
-----  ------
pack        1
total       1

Job stats:
job     count
-----  ------
pack        1
total       1

Reasons:
    (check individual jobs above for details)
    output files have to be generated:
        pack
This was a dry-run (flag -n).
"""


def plan(*arguments, **variables):
    environment = {**os.environ, "EXPERIMENT": SMOKE, "SEEDS": "", "PROFILE": "", **variables}
    command = [sys.executable, "-m", "workflow_scripts.plan", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.workflow
def test_the_plan_has_one_table_and_leaves_nothing(tmp_path):
    result = plan("--directory", tmp_path, "--snakefile", ROOT / "Snakefile", SEEDS="2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(re.findall(r"^total +\d+$", result.stdout, re.MULTILINE)) == 1
    assert result.stdout.startswith("job ")
    assert f"Experiment {SMOKE}, 2 seeds\nRuns: 28, of which to train: " in result.stdout
    assert result.stderr == ""
    assert not any((tmp_path / name).exists() for name in ("results", "reports"))


@pytest.mark.workflow
def test_a_mistake_of_the_workflow_is_one_sentence(tmp_path):
    result = plan("--directory", tmp_path, "--config", "methods=[simclr,nope]")
    assert result.returncode == 1
    assert result.stderr.startswith("error: methods names 'nope'")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("given", [{"EXPERIMENT": "nonsense"}, {"SEEDS": "0"}, {"PROFILE": "nope"}])
def test_what_is_given_is_checked_before_anything_starts(given):
    result = plan(**given)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert next(iter(given.values())) in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.unit
def test_folders_that_a_plan_makes_are_removed(tmp_path):
    state = tmp_path / ".snakemake"
    with leave_no_trace(state):
        for name in ("locks", "metadata", "iocache"):
            (state / name).mkdir(parents=True)
        (state / "iocache" / "latest.pkl").touch()
    assert not state.exists()
    (state / "metadata").mkdir(parents=True)
    with leave_no_trace(state):
        (state / "locks").mkdir()
        (state / "shadow").mkdir()
        (state / "shadow" / "of another").touch()  # Snakemake, which was started meanwhile
    assert sorted(path.name for path in state.iterdir()) == ["metadata", "shadow"]


@pytest.mark.unit
def test_a_folder_that_is_read_only_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # which root may always
    with pytest.raises(UserError, match=f"{tmp_path} is not writable for you"), leave_no_trace(Path(".snakemake")):
        raise AssertionError("Snakemake would start")


@pytest.mark.unit
def test_what_snakemake_says_is_said_once():
    table = find_table(SAID)
    assert table.count("total") == 1
    assert table.endswith("Why:\n    output files have to be generated:\n        pack")
    assert find_table("Nothing to be done (all requested files are present and up to date).\n").startswith("Nothing to")
    assert find_error("Using profile x for y.\nConfig file a is extended\nerror: b\n") == "error: b"
    usage = "usage: __main__.py [-h] [--dry-run]\n   [--cores N]\n__main__.py: error: unrecognized arguments: --nope\n"
    assert find_error(usage) == "error: unrecognized arguments: --nope"


@pytest.mark.unit
def test_every_experiment_is_listed_with_its_cost():
    lines = experiments.list_lines()
    assert [line[0] for line in lines] == list_experiments()
    assert all(time and disk for _, time, disk, _ in lines)
    assert max(len(part) for line in lines for cell in line for part in cell.split("\n")) <= experiments.WIDEST
