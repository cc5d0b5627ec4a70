"""The report: one page that is self-contained, with a chapter for each paper."""

import re
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs_version
from reported import PAPER, make_given, write_tables

from workflow_scripts import sample
from workflow_scripts.experiment.code import hash_code, list_training_code
from workflow_scripts.reporting import page
from workflow_scripts.reporting.cells import read_material
from workflow_scripts.reporting.evaluations import describe_skipped
from workflow_scripts.reporting.formats import to_json
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.pictures import LIBRARIES, PLOTLY, describe_figure
from workflow_scripts.reporting.scorecard import make_scorecards
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_settings, write_json, write_text

pytestmark = pytest.mark.unit


@pytest.fixture
def given(tmp_path, random):
    """Stored rows of two methods and a control, and what the rules would pass."""
    return make_given(tmp_path, random)


def write_page(given, folder, papers=(PAPER,), **changes):
    """Return the page of the tables and figures in a folder."""
    shown = {"tables": folder / "tables", "figures": folder / "figures", "attacks": folder / "attack.json"}
    shown |= {"runs": [], "evaluators": []} | changes
    return page.make_page("toy", given["path"], list(papers), [given["meta"]], given["datasets"], **shown)


def write_scorecards(given, folder):
    material = read_material(given["path"], [given["meta"]], given["datasets"], [])
    for table in make_scorecards(material, read_paper(PAPER)):
        write_text(folder / "tables" / f"{table.place.stem}.json", to_json(table))


def test_the_page_escapes_and_is_self_contained(given, tmp_path):
    write_tables(given, tmp_path)
    write_json(tmp_path / "attack.json", {"headers": ["seen"], "rows": [["<no> space"]]})
    text = write_page(given, tmp_path)
    assert "&lt;no&gt; space" in text
    body = text.partition('<script type="application/gzip"')[0]
    assert not re.findall(r'(?:src|href)="(?!#|data:)', body)
    assert "mbedded data &lt;b&gt;&amp; small&lt;/b&gt;" in text
    assert "What this implies" in text
    assert f"<title>toy: {read_paper(PAPER).title}</title>" in text
    assert "<dt>random</dt><dd>is the untrained encoder" in text


def test_every_link_of_the_page_leads_somewhere_and_no_two_places_have_one_name(given, tmp_path):
    write_tables(given, tmp_path)
    write_scorecards(given, tmp_path)
    body = write_page(given, tmp_path).partition('<script type="application/gzip"')[0]
    names = re.findall(r' id="([^"]+)"', body)
    assert len(names) == len(set(names))
    links = set(re.findall(r'href="#([^"]+)"', body))
    assert {"findings", "paper.contextssl", "part.contextssl/toy", "gaps", "table.contextssl/toy.main"} <= links
    assert links <= set(names)


def test_the_caveat_of_data_stands_at_the_top_and_once_a_chapter(given, tmp_path):
    write_tables(given, tmp_path)
    write_scorecards(given, tmp_path)
    body = write_page(given, tmp_path).partition('<script type="application/gzip"')[0]
    shown = re.sub(r"<textarea.*?</textarea>", "", body, flags=re.DOTALL)  # copies stand alone
    assert shown.count("mbedded data &lt;b&gt;") == 2


def test_the_page_has_a_chapter_for_each_paper_and_needs_none(given, tmp_path):
    write_tables(given, tmp_path)
    (tmp_path / "other").mkdir()
    text = write_page(given, tmp_path, [PAPER, tmp_path / "other"])
    assert text.index('<section id="paper.contextssl">') < text.index('<section id="paper.other">')
    assert "None of this paper's tables" in text
    bare = write_page(given, tmp_path, [])
    assert "<title>toy</title>" in bare
    assert "paper." not in bare.partition("<main>")[2].partition("<script")[0]
    assert '<section id="data.toy">' in bare


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
    assert re.search(r'id="skipped"><summary><h4>Not measured</h4> <span class="gist">2 lines', text)
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
        hashes = {"config": hash_settings(settings), "data": "", "hash": ""}
        identity = {**hashes, "code": code, "torch": "2.x", **({} if seed else {"device": "cpu", "threads": "2"})}
        stored = {"settings": settings, "identity": identity}
        write_json(tmp_path / f"results/space/toy/simclr/seed{seed}/run.json", stored)
    lines = {line[0]: line[-4:] for line in page.describe_provenance(given["rows"])["lines"]}
    assert lines["results/space/toy/simclr/seed0"] == [present, "2.x", "cpu, 2 CPU thread(s)", "yes"]
    assert lines["results/space/toy/simclr/seed1"] == ["older", "2.x", "", "no, older"]  # which did not record it
    assert lines["results/space/toy/simclr/seed2"] == ["", "", "", ""]


def test_a_figure_is_a_drawing_where_there_is_one_and_else_a_smaller_image(tmp_path):
    from PIL import Image

    Image.effect_noise((300, 200), 60).convert("RGB").save(tmp_path / "a.png")
    assert describe_figure(tmp_path, "b") is None
    image = describe_figure(tmp_path, "a")
    assert image["source"].startswith("data:image/webp;base64,")
    assert len(image["source"]) < (tmp_path / "a.png").stat().st_size
    (tmp_path / "a.svg").write_text("<svg></svg>")
    (tmp_path / "a.json").write_text(
        '{"data":[{"name":"</script><!--"}],"layout":{"height":300},"narrow":{"height":700}}'
    )
    drawing = describe_figure(tmp_path, "a")
    assert (drawing["svg"], drawing["source"], drawing["height"]) == ("<svg></svg>", None, (300, 700))
    assert "</" not in drawing["plotly"]
    assert "<!" not in drawing["plotly"]


def test_the_library_of_charts_is_the_one_that_plotly_draws_for_and_has_all_that_is_drawn():
    import gzip

    text = gzip.decompress(PLOTLY.read_bytes()).decode()
    assert text[:200].count(f"plotly.js (basic - minified) v{get_plotlyjs_version()}") == 1
    assert "MIT" in text[:200]
    assert get_plotlyjs_version() in (LIBRARIES / "README.md").read_text()
    drawn = {
        name.lower()
        for file in (Path(page.__file__).parent).rglob("*.py")
        for name in re.findall(r"\bgo\.([A-Z]\w+)\(", file.read_text())
    }
    assert drawn  # the basic bundle has these three
    assert drawn <= {"scatter", "bar", "pie"}


def test_a_sample_is_a_whole_page_of_a_size_that_fits(tmp_path):
    with pytest.raises(UserError, match="make the report first"):
        sample.copy_sample(tmp_path, tmp_path / "docs" / "index.html")
    (tmp_path / "index.html").write_text("page")
    assert sample.copy_sample(tmp_path, tmp_path / "docs" / "index.html") == 4
    assert (tmp_path / "docs" / "index.html").read_text() == "page"
    (tmp_path / "index.html").write_text("page" * 600_000)
    with pytest.raises(UserError, match=r"2\.4 MB, and a sample at most 2"):
        sample.copy_sample(tmp_path, tmp_path / "docs" / "index.html")
