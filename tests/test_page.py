"""The report: one page that is self-contained, with a chapter for each paper."""

import pytest
from reported import PAPER, make_given, write_tables

from workflow_scripts.experiment.code import hash_code, list_training_code
from workflow_scripts.reporting import page
from workflow_scripts.reporting.evaluations import describe_skipped
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit


@pytest.fixture
def given(tmp_path, random):
    """Stored rows of two methods and a control, and what the rules would pass."""
    return make_given(tmp_path, random)


def write_page(given, folder, papers=(PAPER,), **changes):
    """Return the page of the tables and figures in a folder."""
    shown = {"tables": folder / "tables", "figures": folder / "figures", "faults": folder / "faults.json"}
    shown |= {"runs": [], "evaluators": []} | changes
    return page.make_page("toy", given["path"], list(papers), [given["meta"]], given["datasets"], **shown)


def test_the_page_escapes_and_is_self_contained(given, tmp_path):
    write_tables(given, tmp_path)
    write_json(tmp_path / "faults.json", {"headers": ["seen"], "rows": [["<no> space"]]})
    text = write_page(given, tmp_path)
    assert "&lt;no&gt; space" in text
    assert 'src="http' not in text
    assert 'href="' not in text.partition("<script>")[0].replace('href="#', "")
    assert "embedded data &lt;b&gt;&amp; small&lt;/b&gt;" in text
    assert "What this implies" in text
    assert f"<title>toy: {read_paper(PAPER).title}</title>" in text
    assert "<strong>random</strong> is the untrained encoder" in text


def test_the_page_has_a_chapter_for_each_paper_and_needs_none(given, tmp_path):
    write_tables(given, tmp_path)
    (tmp_path / "other").mkdir()
    text = write_page(given, tmp_path, [PAPER, tmp_path / "other"])
    assert text.index('<section id="paper.contextssl">') < text.index('<section id="paper.other">')
    assert "None of this paper's tables" in text
    bare = write_page(given, tmp_path, [])
    assert "<title>toy</title>" in bare
    assert "paper." not in bare.partition("<main>")[2].partition("<script>")[0]
    assert "Data: toy" in bare


def test_the_page_says_what_was_not_measured_and_why(given, tmp_path):
    runs = [tmp_path / f"results/space/toy/{name}/seed{seed}" for name in ("a", "b", "c") for seed in (0, 1)]
    for run in runs[:-1]:
        reasons = {"neighbours": "it predicts nothing"} if run.parts[-2] != "b" else {}
        write_json(run / "rows" / "evaluation.json", {"skipped": {**reasons, "drift": "no <drift>"}, "exhibits": {}})
    table = describe_skipped(runs)
    assert table["lines"] == [
        ["toy", "drift", "all 3", "no <drift>"],
        ["toy", "neighbours", "a, c", "it predicts nothing"],
    ]
    text = write_page(given, tmp_path, runs=runs)
    assert "2 reasons why a run was not measured" in text
    assert "no &lt;drift&gt;" in text


def test_provenance_tells_trainings_that_are_older_than_the_code(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "method": "simclr",
        "encoder": {"kind": "small"},
        "dataset": {"views": {"kind": "stored"}},
        "training": {"checkpoint": None},
    }
    present = hash_code(list_training_code(settings))
    for seed, code in ((0, present), (1, "older")):
        identity = {"code": code, "torch": "2.x"}
        stored = {"settings": settings, "identity": identity}
        write_json(tmp_path / f"results/space/toy/simclr/seed{seed}/run.json", stored)
    lines = {line[0]: line[-3:] for line in page.describe_provenance(given["rows"])["lines"]}
    assert lines["results/space/toy/simclr/seed0"] == [present, "2.x", "yes"]
    assert lines["results/space/toy/simclr/seed1"] == ["older", "2.x", "no, older"]
    assert lines["results/space/toy/simclr/seed2"] == ["", "", ""]
