"""What make reproduce ends with: totals, verdicts and why, tables, the place of the report; or how to go on."""

import json
import os
from pathlib import Path

import pytest

from workflow_scripts import reproduce
from workflow_scripts.experiment.facts import VARIABLE, ask_for_facts, read_facts, write_facts
from workflow_scripts.summary import describe_progress, describe_results

pytestmark = pytest.mark.unit


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """A report of one paper on one data set, with two claims and one table, and one run of two that is done."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    lines = [
        ["a", "One rises", "reproduced", "It is .9: above."],
        ["b", "Two falls", "undecided, provisional", "Close."],
    ]
    headers = ["Claim", "The paper says", "Verdict", "Why"]
    place = {"paper": "toy", "scope": "cats", "table": "scorecard"}
    Path("card.json").write_text(json.dumps({"place": place, "headers": headers, "lines": lines, "seeds": 3}))
    Path("first.md").write_text("A caption.\n\n| a |\n")
    Path("index.html").touch()
    for name in ("one/weights.safetensors", "one/rows/evaluation.parquet", "two/weights.safetensors", "meta.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    found = {"report": "index.html", "scorecards": ["card.json", "gone.json"], "summaries": ["first.md", "gone.md"]}
    return {**found, "data": ["meta.json", "other.json"], "runs": ["one", "two"]}


def test_verdicts_come_first_then_tables_then_the_report(facts, tmp_path):
    said = describe_results(facts)
    assert said.splitlines() == [
        "toy, cats (3 seeds): 1 reproduced, 1 undecided, 1 of them provisional",
        "",
        "toy, cats:",
        "  reproduced              One rises",
        "                          It is .9: above.",
        "  undecided, provisional  Two falls",
        "                          Close.",
        "",
        "A caption.",
        "",
        "| a |",
        "",
        f"The report: {tmp_path / 'index.html'}",
    ]


def test_long_texts_are_broken_at_the_width_of_a_terminal(facts):
    card = json.loads(Path("card.json").read_text())
    card["lines"][0][1] = "word " * 60
    Path("card.json").write_text(json.dumps(card))
    Path("first.md").write_text("caption " * 40 + "\n\n| " + "a" * 200 + " |\n")
    lines = describe_results(facts).splitlines()[:-1]
    assert [line for line in lines if len(line) > 100] == ["| " + "a" * 200 + " |"]
    assert sum(line.startswith("caption") for line in lines) == 4


def test_without_a_report_it_says_how_far_the_work_is(facts):
    Path("index.html").unlink()
    counted = "So far: 1 of 2 data sets packed, 2 of 2 runs trained, 1 of 2 evaluated; there is no report yet."
    assert describe_results(facts) == describe_progress(facts) == counted


@pytest.mark.parametrize("option", ["--until", "-U", "--omit-from=pack", "-n"])
def test_options_that_end_early_are_named(option, facts):
    said = reproduce.describe(["--quiet", "rules", option, "pack"], facts)
    assert said.startswith("So far: 1 of 2 data sets packed")
    assert said.endswith(f"Without {option} the same command goes on to the report.")
    assert "The report: " in reproduce.describe(["--quiet", "rules"], facts)


def test_facts_reach_the_one_that_asked_and_no_job(monkeypatch):
    with ask_for_facts() as (environment, file):
        assert read_facts(file) == {}
        monkeypatch.setenv(VARIABLE, environment[VARIABLE])
        write_facts({"report": "a"})
        assert VARIABLE not in os.environ
        write_facts({"report": "b"})
        assert read_facts(file) == {"report": "a"}
    assert not file.parent.exists()
