"""Papers: their published facts, their mistakes, and which of their views an experiment has."""

from pathlib import Path

import pytest

from workflow_scripts.experiment.config import read_yaml
from workflow_scripts.reporting.layouts import list_views, read_paper
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
    """Every number of the facts at hand stands in papers/contextssl.yaml."""
    facts = read_yaml(shared_data.parent / "published" / "contextssl.yaml")

    def numbers(value):
        if isinstance(value, dict):
            return [n for entry in value.values() for n in numbers(entry)]
        if isinstance(value, list):
            return [n for entry in value for n in numbers(entry)]
        return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []

    ours = numbers(read_yaml(PAPER))
    missing = sorted({n for n in numbers(facts) if n not in ours})
    assert not missing
    assert {claim["id"] for claim in facts["claims"]} == {claim["id"] for claim in read_yaml(PAPER)["claims"]}
