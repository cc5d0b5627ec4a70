"""The headline experiment: a part of the default one, so that nothing is made twice."""

from pathlib import Path

import pytest

from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.runs import get_settings, list_runs

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
DEFAULT = read_yaml(ROOT / "config.yaml")["experiment"]
HEADLINE = "contextssl/headline"


def load(name, **given):
    return load_experiment(name, {"experiment": name, **given}, ROOT)


def test_its_runs_are_the_default_experiments():
    part, whole = load(HEADLINE), load(DEFAULT)
    runs = list_runs(part)
    assert {run.name for run in runs} == {"contextssl", "simclr", "supervised", "random", "constant"}
    assert set(runs) < set(list_runs(whole))
    assert [get_settings(part, run) for run in runs] == [get_settings(whole, run) for run in runs]
    # Else rows would be measured anew by whichever experiment comes second.
    assert part["evaluation"] == whole["evaluation"]
    assert part["sources"] == whole["sources"]


def test_the_longest_run_starts_first():
    """Its training and evaluation, one after the other, are as long as all the others together."""
    assert load(HEADLINE)["methods"][0] == "contextssl"
