"""Papers: their published facts, their mistakes, and which of their views an experiment has."""

import shutil
from pathlib import Path

import pytest
import yaml
from reported import PAPER, describe_dataset, make_all_rows, make_given, tables_of

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.measured import Measured
from workflow_scripts.reporting.papers import FILES, list_files, read_paper
from workflow_scripts.reporting.places import Place, list_judged, list_places
from workflow_scripts.reporting.scorecard import make_scorecards
from workflow_scripts.reporting.targets import (
    keep_read_settings,
    list_figure_files,
    list_summaries,
    list_table_files,
)
from workflow_scripts.rows import make_rows
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


def copy_paper(folder: Path, **changes) -> Path:
    """Copy the paper; `changes` by file are pairs of a text and what takes its place."""
    shutil.copytree(PAPER, folder)
    for name, (old, new) in changes.items():
        file = folder / f"{name}.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
    return folder


def test_a_table_of_all_methods_needs_none_of_the_variants_it_names():
    entry = describe_dataset(["contextssl", "raw"], benchmark="adult")
    assert Place("contextssl", "adult", "adult") in list_places(read_paper(PAPER), {"adult": entry})


MISTAKES = {
    "kind": ("views", "expand: methods", "expand: everything", r"tables.main.expand: 'everything' is not one of"),
    "key": ("views", " note: Pooled R2", " notes: Pooled R2", "unknown key 'notes' at tables.auxiliary_predictor; did"),
    "query": (
        "views",
        "{ method: simclr }",
        "{ methd: simclr }",
        "unknown key 'methd' at .*select; did you mean 'method'",
    ),
    "figure": (
        "views",
        "kind: neighbours",
        "kind: neigbours",
        "tables.neighbours.figure: there is no figure 'neigbours'",
    ),
    "option": (
        "views",
        "split: variants",
        "spilt: variants",
        "unknown key 'spilt' of kind curves; did you mean 'split'",
    ),
    "choice": ("views", "scales: own", "scales: owl", "scales of kind curves is wrong"),
    "missing": ("views", ", y: R2, split", ", split", "tables.context_variants.figure: y of kind curves is wrong"),
    "inner": ("views", "floor: { label: constant predictor", "floor: { name: x, label: c", "floor.name of kind plane"),
    "column": (
        "views",
        "metric: r2_pooled } } }",
        "metrik: r2_pooled } } }",
        "floor.select of .*did you mean 'metric'",
    ),
    "finding": ("views", "kind: shapes,", "kind: shape,", "findings: there is no finding 'shape'"),
    "settings": ("views", "hidden: mask", "hiden: mask", "unknown key 'hiden' of kind shapes; did you mean 'hidden'"),
    "cells": ("views", "{ kind: neighbours }", "{ kind: curves, x: a, y: b }", "a figure of kind curves needs columns"),
    "columns": (
        "views",
        "{ kind: curves, x: Context length, y: R2 }",
        "{ kind: neighbours }",
        "is drawn without columns",
    ),
    "twice": ("views", 'label: "2", select', 'label: "0", select', "no column of the view has the label '2'"),
    "line": ("views", "label: contextssl, select", "select", ""),  # the label is the method's name all the same
    "same": ("views", "label: raw features without gender", "label: raw features", "two lines of section 'baseline'"),
    "view": ("views", "  retrieval:", "  retreival:", "published.yaml: tables.retrieval has no view"),
    "value": (
        "published",
        "equimod: [0.16",
        "eqimod: [0.16",
        "tables.retrieval: no line .* 'rotation' and label 'eqimod'",
    ),
    "section": ("published", "      color:\n        equimod", "      colour:\n        equimod", "no line .* 'colour'"),
    "short": ("published", "[0.247, 0.464, 42.3]", "[0.247, 0.464]", r"simclr\+ has 2 value.s. for 3 column"),
    "provenance": ("published", "provenance: rerun", "provenance: guessed", "tables.individual_latents.provenance"),
    "published": (
        "published",
        "citation:",
        "citations:",
        "unknown key 'citations' at the top level; did you mean 'citation'",
    ),
    "number": ("published", "0.506,", ".nan,", "give a finite number"),
    "claim": ("claims", "at_most: 0.1", "at_mots: 0.1", "unknown key 'at_mots' at .*; did you mean 'at_most'"),
    "term": ("claims", "variant: mask0", "varient: mask0", "unknown key 'varient' at .*than; did you mean 'variant'"),
    "benchmark": (
        "views",
        "benchmark: adult",
        "benchmark: adlt",
        "tables.adult: the paper has no .* did you mean 'adult'",
    ),
    "claimed": (
        "claims",
        "benchmark: mimic3\n",
        "benchmark: mimic\n",
        "has no benchmark 'mimic' in views.yaml; did you mean",
    ),
    "id": ("claims", "id: best-color", "id: best-rotation", "two claims with the id 'best-rotation'"),
    "text": (
        "claims",
        "A context mask near 0.9 beats none",
        "The auxiliary predictor beats none",
        "claims with the text",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_paper_is_one_sentence(name, tmp_path):
    file, old, new, message = MISTAKES[name]
    folder = copy_paper(tmp_path / "wrong", **{file: (old, new)})
    if not message:
        read_paper(folder)
        return
    with pytest.raises(UserError, match=message) as caught:
        read_paper(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_a_benchmark_that_a_paper_does_not_have_is_named():
    with pytest.raises(UserError, match=r"'3diebnch' of paper contextssl, .*; did you mean '3diebench'"):
        list_table_files([PAPER], {"toy": describe_dataset(["simclr"], benchmark="3diebnch")})


def test_a_folder_without_a_paper_has_no_tables(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        read_paper(tmp_path / "nowhere")
    (tmp_path / "small.yaml").write_text("extends: contextssl/small\n")
    entry = {**describe_dataset(["simclr"]), "benchmarks": {}}
    assert list_table_files([tmp_path], {"toy": entry}) == []
    assert list_figure_files([tmp_path], {"toy": entry}, []) == [
        f"training_curves.{e}" for e in ("png", "pdf", "svg", "json")
    ]
    assert list_files([tmp_path]) == []


def test_a_published_table_may_have_no_view(tmp_path):
    folder = copy_paper(tmp_path / "p", published=("cifar10: { provenance", "unseen: { view: none, provenance"))
    assert "unseen" in read_paper(folder).published
    folder = copy_paper(tmp_path / "q", published=("cifar10: { provenance", "cifar10: { view: none, provenance"))
    with pytest.raises(UserError, match="says `view: none`, but"):
        read_paper(folder)


def test_published_facts_are_those_of_the_source(shared_data):
    """Every value of the facts at hand stands in published.yaml, in the line and column that it belongs to."""
    facts, paper = read_yaml(shared_data.parent / "published" / "contextssl.yaml"), read_paper(PAPER)
    published, ours = paper.published, read_yaml(PAPER / "published.yaml")

    main = published["main"]["values"]
    wanted = facts["tables"]["main"]
    assert wanted["columns"] == ["rotation_r2", "color_r2", "top1"]
    assert published["main"]["columns"] == ["Rotation R2, pooled", "Color R2, pooled", "Top-1"]
    found = {(s, label): values for s, lines in main.items() for label, values in lines.items()}
    assert found == {
        (row["group"], row["method"] + (" (c=0)" if row.get("context") == 0 else "")): row["values"]
        for row in wanted["rows"]
    }

    curves = published["context_curves"]
    assert curves["columns"] == list(map(str, facts["tables"]["context_curves"]["lengths"]))
    wanted = facts["tables"]["context_curves"]
    found = {(s, label): values for s, lines in curves["values"].items() for label, values in lines.items()}
    assert found == {
        (row["metric"].removesuffix("_r2"), f"{row['context']} context"): row["values"] for row in wanted["rows"]
    }
    assert curves["facts"]["tolerance"] == wanted["tolerance"]

    names = ["mrr", "hit@1", "hit@5"]
    assert [column["select"]["metric"] for column in paper.views["retrieval"]["columns"]] == names
    assert [name.lower() for name in published["retrieval"]["columns"]] == names
    found = {
        (label, name): value
        for lines in published["retrieval"]["values"].values()
        for label, values in lines.items()
        for name, value in zip(names, values, strict=True)
    }
    wanted = facts["tables"]["retrieval"]
    by_length = [row for row in wanted["rows"] if row["method"] == "contextssl"]
    by_metric = [row for row in wanted["rows"] if row["method"] != "contextssl"]
    assert found == {
        (f"contextssl, c={length}", row["metric"]): value
        for row in by_length
        for length, value in zip(wanted["lengths"], row["values"], strict=True)
    } | {
        (row["method"], name): value
        for row in by_metric
        for name, value in zip(row["metric"], row["values"], strict=True)
    }
    assert published["retrieval"]["facts"]["chance"] == wanted["chance"]

    (row,) = facts["tables"]["individual_latents"]["rows"]
    values = published["individual_latents"]["values"]
    assert values == {"rotation": {"contextssl": [row["rotation_r2_individual"], None]}}
    assert ours["facts"]["r2_floor"] == facts["r2_floor"]
    assert ours["facts"]["rerun_baselines"] == {**facts["rerun_baselines"], "provenance": "rerun"}
    stated = {claim["id"]: claim["text"] for claim in facts["claims"]}
    said = [claim.get("stated", claim) for claim in paper.claims if not claim["text"].startswith("(ours)")]
    assert {part["id"]: part["text"] for part in said} == stated


def test_lines_of_published_values_select_what_they_say():
    """A label is only text: the query beside it must be of the same method, context and length."""
    views = read_paper(PAPER).views
    for line in views["main"]["lines"]:
        assert line.get("label", line["select"]["method"]).startswith(line["select"]["method"])
        assert line["section"] in ("invariant", line["select"].get("group", line["select"].get("condition", "")[8:]))
    for line in views["retrieval"]["lines"][:5]:
        assert line["label"] == f"contextssl, c={line['select']['level']}"
    for line in views["context_curves"]["lines"]:
        assert line["section"] == line["select"]["task"]
        assert f"context {line['label'].removesuffix(' context')}" == line["select"]["condition"]
    for column in views["context_curves"]["columns"]:
        assert column["label"] == str(column["select"]["level"])


def make_other(folder: Path, benchmark: str) -> Path:
    """Write another paper, whose only table is called `main`, too."""
    folder.mkdir()
    table = {"benchmark": benchmark, "title": "Another main", "note": "Top-1.", "expand": "methods"}
    table["columns"] = [{"label": "Top-1", "select": {"task": "class", "metric": "top1"}, "digits": 1}]
    term = {"method": "simclr", "task": "class", "metric": "top1", "representation": "h"}
    claims = [{"id": "works", "text": "It works", "benchmark": benchmark}]
    claims[0]["comparisons"] = [{"label": "Top-1", "of": term, "at_least": 50.0}]
    for name, content in zip(
        FILES, (None, {"benchmarks": [benchmark], "tables": {"main": table}}, claims), strict=True
    ):
        if content is not None:
            (folder / name).write_text(yaml.safe_dump(content))
    return folder


def test_two_papers_have_tables_of_one_name_and_a_scorecard_each(random, tmp_path):
    other = make_other(tmp_path / "other", "cifar10")
    entry = describe_dataset(["simclr"])
    entry["benchmarks"]["other"] = "cifar10"
    alone = {**describe_dataset(["simclr"], benchmark="cifar10-crop-blur")}  # a data set that only one of them knows
    datasets = {"toy": entry, "twin": alone}
    files = list_table_files([PAPER, other], datasets)
    assert len(files) == len(set(files))
    assert {"contextssl/toy.main.csv", "other/toy.main.csv", "other/toy.scorecard.csv"} <= set(files)
    assert not [file for file in files if file.startswith("other/twin.") or file == "contextssl/twin.main.csv"]
    assert list_summaries([PAPER, other], datasets) == [
        "contextssl/toy.main.md",
        "contextssl/twin.cifar10.md",
        "other/toy.main.md",
    ]
    assert list_judged(read_paper(PAPER), datasets) == ["toy", "twin"]
    assert list_judged(read_paper(other), datasets) == ["toy"]
    rows = make_rows(make_all_rows(random, ["simclr"]))
    material = Material(rows, {"toy": entry}, {"toy": Measured(["rotation", "color"], [], {})}, {"toy": ""})
    cards = [make_scorecards(material, read_paper(folder))[0] for folder in (PAPER, other)]
    assert cards[1].caption.startswith("Claims of other, judged on toy")
    assert [line[2] for line in cards[1].lines] == ["reproduced"]
    assert len(cards[0].lines) == 12


def test_a_new_paper_shows_its_values(random, tmp_path):
    other = make_other(tmp_path / "other", "mine")
    given = make_given(tmp_path, random)
    given["datasets"]["toy"]["benchmarks"] = {"other": "mine"}
    table = tables_of(given, other)["toy", "main"]
    assert [line.label for line in table.view.lines] == ["simclr", "contextssl", "contextssl", "constant"]
    assert table.cells[0][0].mean == 90.0


def test_only_settings_that_a_finding_reads_are_passed_on():
    entry = describe_dataset(["contextssl"])
    own = {"mask_probability": 0.9, "block_tokens": 128}
    entry["settings"] = {"contextssl": {**own, "width": 64}, "simclr": {"projector": [1]}}
    assert keep_read_settings([PAPER], {"toy": entry})["toy"]["settings"] == {"contextssl": own}
    assert keep_read_settings([], {"toy": entry})["toy"]["settings"] == {}


def test_the_same_queries_are_valid_in_views_and_claims():
    root = PAPER.parents[1] / "schemas" / "papers"
    views, claims = (read_yaml(root / f"{name}.schema.yaml")["$defs"] for name in ("views", "claims"))
    assert views["select"] == claims["select"]
    assert views["select"]["properties"] == {k: v for k, v in claims["term"]["properties"].items() if k != "minus"}
