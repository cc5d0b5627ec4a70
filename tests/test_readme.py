"""README.md: its verdicts are generated, and its commands run."""

import re

import pytest
from project import run_as_user

from workflow_scripts.readme import (
    README,
    VERDICTS,
    copy_figures,
    count_seeds,
    fill_readme,
    merge_papers,
    merge_verdicts,
    read_verdicts,
    render_papers,
    render_verdicts,
)
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

COMMAND = re.compile(r"^    (make [^#\n]+)|`(make [^`]+)`", re.MULTILINE)
# Run for minutes, or hours: what they would do is planned for real.
LONG = ("reproduce", "ablations", "paper")
# Have options of their own; what they do is tested elsewhere.
ASKED = {
    "bench": "--help",
    "gpu-check": "--help",
    "faults": "--help",
    "test-slurm": "--collect-only",
    "tensorboard": "--once",
}

FEW = """EXPERIMENT=contextssl/smoke ARGS="--config 'datasets=[smoke]' 'methods=[constant,simclr]'" """


@pytest.mark.unit
def test_verdicts_are_those_that_are_kept():
    kept = read_json(VERDICTS)
    text = README.read_text()
    assert fill_readme(text, kept) == text, "README.md is not what docs/reproduced.json says; run: make readme"
    assert "reproduced" in render_papers(kept)


@pytest.mark.unit
def test_verdicts_come_from_scorecards(tmp_path):
    with pytest.raises(UserError, match="run make reproduce first"):
        read_verdicts(tmp_path)
    for paper in ("one", "two"):
        (tmp_path / paper).mkdir()
        place = {"paper": paper, "scope": "toy", "table": "scorecard"}
        table = {"place": place, "lines": [["id", f"{paper} works", "not reproduced"]], "caveat": "small"}
        write_json(tmp_path / paper / "toy.scorecard.json", table)
        (tmp_path / paper / "toy.scorecard.csv").write_text("claim,comparison,seeds\nid,one,3\nid,another,1\n")
    found = read_verdicts(tmp_path)
    text = render_papers(found)
    assert "| one says | toy |" in text
    assert "| two works | not reproduced |" in text
    assert text.count("toy: 3 seeds; small.") == 2
    assert merge_papers({"three": found["one"]}, found) == {"three": found["one"], **found}


@pytest.mark.unit
def test_figures_that_are_kept_are_those_of_the_report_with_most_seeds(tmp_path):
    report, kept = tmp_path / "report", tmp_path / "docs"
    for folder, text in ((report / "figures", b"new"), (kept, b"old")):
        (folder / "one").mkdir(parents=True)
        (folder / "one" / "toy.curves.png").write_bytes(text)
    (report / "figures" / "one" / "toy.more.png").touch()

    def judged(seeds):
        return {"one": {"toy": {"claims": [{"claim": "a", "verdict": "reproduced", "seeds": seeds}], "caveat": ""}}}

    copy_figures(report, judged(3), judged(1), kept)
    assert (kept / "one" / "toy.curves.png").read_bytes() == b"old"
    copy_figures(report, judged(3), judged(3), kept)
    assert [(path.name, path.read_bytes()) for path in (kept / "one").iterdir()] == [("toy.curves.png", b"new")]


@pytest.mark.unit
def test_what_an_experiment_did_not_run_keeps_its_verdict():
    def judged(seeds=1, **verdicts):
        return {"claims": [{"claim": c, "verdict": v, "seeds": seeds} for c, v in verdicts.items()], "caveat": ""}

    known = {"toy": judged(a="reproduced", b="not run", c="reproduced"), "other": judged(a="undecided")}
    found = {"toy": judged(a="not run", b="reproduced", c="not reproduced", d="not run"), "bare": judged(a="not run")}
    assert merge_verdicts(known, found) == {
        "toy": judged(a="reproduced", b="reproduced", c="not reproduced", d="not run"),
        "other": judged(a="undecided"),
    }
    assert merge_verdicts({}, known) == known


@pytest.mark.unit
def test_fewer_seeds_do_not_overrule_more_and_are_named():
    def judged(**claims):
        entries = [{"claim": c, "verdict": v, "seeds": n} for c, (v, n) in claims.items()]
        return {"toy": {"claims": entries, "caveat": "small"}}

    known = judged(a=("not reproduced", 3), b=("not run", 3), c=("reproduced", 1), d=("reproduced", 3))
    found = judged(a=("reproduced", 1), b=("reproduced", 1), c=("undecided", 1), d=("undecided", 3))
    merged = merge_verdicts(known, found)
    expected = judged(a=("not reproduced", 3), b=("reproduced", 1), c=("undecided", 1), d=("undecided", 3))
    assert merged == expected
    text = render_verdicts("paper", merged)
    assert [count_seeds(entry) for entry in (*known.values(), *judged(a=("not run", 1)).values(), None)] == [3, 0, 0]
    for line in ("| a | not reproduced |", "| b | reproduced (1 seed) |", "| d | undecided |", "toy: 3 seeds; small."):
        assert line in text
    barred = judged(**{"I(A|B) rises": ("reproduced", 3)})
    assert r"| I(A\|B) rises | reproduced |" in render_verdicts("paper", barred)


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
