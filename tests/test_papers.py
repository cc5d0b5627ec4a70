"""Papers: their published facts, their mistakes, and which of their views an experiment has."""

from pathlib import Path

import pytest
import yaml
from test_reporting import make_all_rows

from workflow_scripts.experiment.config import read_yaml
from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.layouts import Measured, list_all_views, list_judged, list_views, read_paper
from workflow_scripts.reporting.scorecard import make_scorecards
from workflow_scripts.rows import make_rows
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
PAPER = Path(__file__).parents[1] / "papers" / "contextssl.yaml"


def test_a_table_of_all_methods_needs_none_of_the_variants_it_names():
    entry = {"benchmark": "adult", "methods": ["contextssl", "raw"]}
    assert ("adult", "adult") in list_views(PAPER, {"adult": entry})


def test_a_paper_with_a_mistake_is_named(tmp_path):
    text = PAPER.read_text().replace("expand: methods", "expand: everything", 1)
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(UserError, match=r"wrong.yaml: tables.main.view.expand: 'everything' is not one of"):
        read_paper(tmp_path / "wrong.yaml")


def test_published_facts_are_those_of_the_source(shared_data):
    """Every value of the facts at hand stands in papers/contextssl.yaml, in the row and column that it belongs to."""
    facts, ours = read_yaml(shared_data.parent / "published" / "contextssl.yaml"), read_yaml(PAPER)

    def get_cells(table):
        return ours["tables"][table]["rows"]

    main = {
        (row["section"], row["select"]["method"], row["select"].get("length") == 0): row["values"]
        for row in get_cells("main")
        if not row.get("ours")
    }
    wanted = facts["tables"]["main"]
    assert wanted["columns"] == ["rotation_r2", "color_r2", "top1"]
    labels = [column["label"] for column in ours["tables"]["main"]["view"]["columns"]]
    assert labels[:3] == ["Rotation R2", "Color R2", "Top-1"]
    assert main == {(row["group"], row["method"], row.get("context") == 0): row["values"] for row in wanted["rows"]}

    curves = {(row["select"]["task"], row["select"]["context"]): row["values"] for row in get_cells("context_curves")}
    wanted = facts["tables"]["context_curves"]
    assert curves == {(row["metric"].removesuffix("_r2"), row["context"]): row["values"] for row in wanted["rows"]}

    names = ["mrr", "hit@1", "hit@5"]
    assert [column["select"]["metric"] for column in ours["tables"]["retrieval"]["view"]["columns"]] == names
    retrieval = {
        (row["select"]["method"], row["select"].get("length"), name): value
        for row in get_cells("retrieval")
        for name, value in zip(names, row.get("values", []), strict=False)
    }
    wanted = facts["tables"]["retrieval"]
    by_length = [row for row in wanted["rows"] if row["method"] == "contextssl"]
    by_metric = [row for row in wanted["rows"] if row["method"] != "contextssl"]
    assert retrieval == {
        (row["method"], length, row["metric"]): value
        for row in by_length
        for length, value in zip(wanted["lengths"], row["values"], strict=True)
    } | {
        (row["method"], None, name): value
        for row in by_metric
        for name, value in zip(row["metric"], row["values"], strict=True)
    }

    (row,) = facts["tables"]["individual_latents"]["rows"]
    assert get_cells("individual_latents")[0]["values"] == [row["rotation_r2_individual"], None]
    assert ours["r2_floor"] == facts["r2_floor"]
    assert ours["rerun_baselines"] == {**facts["rerun_baselines"], "provenance": "rerun"}
    stated = {claim["id"]: claim["text"] for claim in facts["claims"]}
    assert {claim["id"]: claim["text"] for claim in ours["claims"]} == stated


def test_two_papers_share_a_scorecard_but_not_a_table(random, tmp_path):
    datasets = {"toy": {"benchmark": "3diebench", "methods": ["simclr"], "groups": ["rotation", "color"]}}
    other = tmp_path / "other.yaml"
    other.write_text(PAPER.read_text())
    clash = r"contextssl.yaml and .*other.yaml both have a table main of toy, .*; rename it"
    with pytest.raises(UserError, match=clash):
        list_all_views([PAPER, other], datasets)
    paper = read_yaml(PAPER)
    paper["tables"] = {f"other_{name}": table for name, table in paper["tables"].items()}
    other.write_text(yaml.safe_dump({**paper, "title": "Another paper", "claims": paper["claims"][:2]}))
    read_paper.cache_clear()
    views = list_all_views([PAPER, other], datasets)
    assert (other, "toy", "other_main") in views
    assert (PAPER, "toy", "main") in views
    assert list_judged([PAPER, other], datasets) == ["toy"]
    rows = make_rows(make_all_rows(random, ["simclr"]))
    material = Material(rows, datasets, {"toy": Measured(["rotation", "color"], [], {})}, {"toy": ""})
    (card,) = make_scorecards(material, [PAPER, other])
    assert card.caption.startswith(f"Claims of {paper['title']} and of Another paper, judged on toy")
    assert [row[0] for row in card.rows[-2:]] == [claim["id"] for claim in paper["claims"][:2]]
    assert {record["paper"] for record in card.records} == {paper["title"], "Another paper"}
