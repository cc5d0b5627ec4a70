"""README.md: its results are those that are kept, and its commands run."""

import re

import pytest
from project import run_as_user

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.readme import COSTS, KEPT, README, RESULTS, fill_readme, list_shown, render_page
from workflow_scripts.support.files import read_json

COMMAND = re.compile(r"^    (make [^#\n]+)|`(make [^`]+)`", re.MULTILINE)
MARGIN = re.compile(r", by at least [\d.]+( points?)?| \(ours\)$")  # what the scorecard adds to a claim's text
# Run for minutes, or hours: what they would do is planned for real.
LONG = ("reproduce", "ablations", "paper")
# Have options of their own; what they do is tested elsewhere.
ASKED = {
    "bench": "--help",
    "gpu-check": "--help",
    "attack": "--help",
    "test-slurm": "--collect-only",
    "tensorboard": "--once",
    "docs": "--help",  # tests/test_docs.py makes the site
    "readme": "--kept",
    "sample": "--help",
    **dict.fromkeys(("push", "pull", "crate"), "--help"),
}

FEW = """EXPERIMENT=contextssl/smoke ARGS="--config 'datasets=[smoke]' 'methods=[constant,simclr]'" """


@pytest.mark.unit
def test_what_is_generated_is_what_is_kept():
    papers, costs, text = read_json(KEPT), read_json(COSTS), README.read_text()
    advice = "run: make readme ARGS=--kept"
    assert fill_readme(text, papers, costs) == text, f"README.md is not what docs/*.json say; {advice}"
    assert render_page(papers) == RESULTS.read_text(), (
        f"docs/results.md is not what docs/reproduced.json says; {advice}"
    )
    assert "reproduced" in text


@pytest.mark.unit
def test_what_is_kept_is_of_claims_that_papers_make():
    """A verdict on a claim that was changed or removed would stand in README.md for ever."""
    for paper, scopes in read_json(KEPT).items():
        file = README.parent / "papers" / paper / "claims.yaml"
        known = {claim["id"]: claim["text"] for claim in (read_yaml(file) if file.exists() else [])}
        for scope, entry in scopes.items():
            for claim in entry["claims"]:
                if "id" in claim:
                    text = MARGIN.sub("", known.get(claim["id"], ""))
                    assert MARGIN.sub("", claim["claim"]) == text, f"{paper} on {scope}: make its report again"


@pytest.mark.unit
def test_figures_that_are_shown_are_there():
    assert list_shown([README]), "README.md shows no figure"
    for name in list_shown([README]):
        size = (README.parent / "docs" / "figures" / name).stat().st_size
        assert 1000 < size < 300_000, f"{name}: {size} bytes are much on a phone"


def list_commands():
    """Every command of the README, on one line each, but for the one that runs this test."""
    found = [" ".join((indented or inline).split()) for indented, inline in COMMAND.findall(README.read_text())]
    return [line for line in dict.fromkeys(found) if line != "make test"]


COMMANDS = list_commands()
# The others ask a cluster first; make test-slurm runs one on a cluster.
HERE = [line for line in COMMANDS if "PROFILE=slurm" not in line]


def shorten(line, folder):
    """The same command for a copy of the project: long ones as plans, an archive and a checkpoint that exist."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    for given in ("data.tar.gz", "checkpoints/contextssl.pt"):
        (folder / given).touch()
    line = re.sub(r"/data/[^\s'}]+", str(folder / "data.tar.gz"), line)
    target = line.split()[1]
    if target in LONG:
        return line.replace('ARGS="', 'ARGS="--dry-run ') if "ARGS" in line else f"{line} ARGS=--dry-run"
    if target == "tables":
        return f"{line} {FEW}"  # of which there are results
    return f"{line} ARGS={ASKED[target]}" if target in ASKED else line


@pytest.fixture(scope="module")
def reproduced(project):
    """The project after a part of the smallest experiment; tests/test_workflow.py runs it whole."""
    done = run_as_user(project, f"make reproduce {FEW}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


@pytest.mark.workflow
@pytest.mark.parametrize("line", HERE)
def test_every_command_of_the_readme_runs(line, reproduced):
    done = run_as_user(reproduced, shorten(line, reproduced))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (done.stdout + done.stderr).strip(), "it says nothing"
    if line == "make tensorboard":
        assert (reproduced / "results" / "tensorboard" / "contextssl" / "smoke" / "simclr" / "seed0").is_dir()


@pytest.mark.unit
def test_the_readme_shows_what_one_can_ask_for():
    assert len(COMMANDS) > 20
    assert {"make reproduce", "make tables", "make tensorboard", "make status"} <= set(COMMANDS)
