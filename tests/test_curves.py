"""Curves at true distances with floors of their own, and the plane of published and measured values side by side."""

import json
from dataclasses import replace

import numpy as np
import pytest
from reported import CAVEAT, make_all_rows, make_given, tables_of

from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.curves import place_columns
from workflow_scripts.reporting.figures.plane import Dot, Field
from workflow_scripts.reporting.plots import widen_range
from workflow_scripts.rows import make_rows, write_rows

pytestmark = pytest.mark.unit
METHODS = ["simclr", "contextssl", "constant", "random", "supervised"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("curves"), np.random.default_rng(0)
    given = make_given(folder, random)
    write_rows(make_rows(make_all_rows(random, METHODS)), path := folder / "more.parquet")
    entry = {**given["datasets"]["toy"], "methods": METHODS}
    return tables_of(given, path=path, datasets={"toy": entry})


def test_numbers_stand_at_their_logarithms_and_names_evenly():
    assert place_columns(["0", "2", "6", "14", "30", "126"]) == pytest.approx(np.log2([1, 3, 7, 15, 31, 127]))
    assert place_columns(["0", "long"]) == [0, 1]


def test_published_and_measured_curves_have_floors_of_their_own(tables):
    table = tables["toy", "context_curves"]
    subject = Subject("toy", CAVEAT, table)
    measured = table.figure.make_floors(table)
    figure = table.figure.draw(subject)
    rotation = figure.axes[0]
    levels = [line.get_ydata() for line in rotation.lines]
    flat = [level[0] for level in levels if len(level) == 2 and level[0] == level[1]]
    assert flat == pytest.approx([measured["rotation"], 0.229])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-2:] == ["constant predictor, on these data", "constant predictor, on the published data"]
    # The published plot has no point at length 6, and its line goes on.
    (line,) = [own for own in rotation.lines if own.get_linestyle() == "--" and own.get_ydata()[-1] == 0.744]
    assert line.get_xdata() == pytest.approx(np.log2([1, 3, 15, 31, 127]))

    content = json.loads(table.figure.draw_interactive(subject))
    assert content["layout"]["xaxis"]["ticktext"] == ["0", "2", "6", "14", "30", "126"]
    assert content["layout"]["xaxis"]["tickvals"] == pytest.approx(
        place_columns(content["layout"]["xaxis"]["ticktext"]), rel=1e-4
    )
    floors = {t["name"]: t["y"] for t in content["data"] if t["xaxis"] == "x" and t["name"].startswith("constant")}
    assert floors["constant predictor, on the published data"] == [0.229, 0.229]
    assert floors["constant predictor, on these data"] == pytest.approx([measured["rotation"]] * 2, rel=1e-4)


def test_without_published_values_there_is_no_published_floor(tables):
    table = tables["toy", "context_curves"]
    bare = replace(table, cells=[[replace(cell, published=None) for cell in line] for line in table.cells])
    names = [text.get_text() for text in table.figure.draw(Subject("toy", "", bare)).legends[0].get_texts()]
    assert not [name for name in names if "published" in name]


def test_published_and_measured_values_stand_side_by_side(tables):
    table = tables["toy", "main"]
    published, measured = table.figure.collect(table)
    assert (published.title, measured.title) == ("Published", "Measured here")
    spots = {(dot.section, dot.label): (dot.x, dot.y) for dot in published.dots}
    assert len(spots) == 13
    assert spots["color", "contextssl"] == (0.344, 0.986)
    assert published.floors == (0.229, 0.0)
    assert measured.floors[0] not in (None, 0.229)
    assert {dot.label for dot in measured.dots if dot.is_control} == {"constant", "random", "supervised"}
    assert {dot.section for dot in measured.dots if dot.is_joined} == {"rotation", "color"}
    assert {dot.label for dot in measured.dots if dot.is_joined} == {"contextssl"}
    assert {(dot.section, dot.label) for dot in published.list_best()} == {
        ("rotation", "contextssl"), ("color", "contextssl"),
    }  # fmt: skip
    assert all(dot.x_std > 0 for dot in measured.dots)

    figure = table.figure.draw(Subject("toy", CAVEAT, table))
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()
    assert {text.get_text() for text in right.texts} == {
        "constant", "random", "supervised", "contextssl, rotation", "contextssl, color",
    }  # fmt: skip
    boxes = [text.get_window_extent() for text in right.texts]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_controls_are_never_the_best():
    dots = [Dot("control", "supervised", 9, 9), Dot("a", "one", 1, 2), Dot("b", "two", 2, 1), Dot("b", "three", 0, 0)]
    assert [dot.label for dot in Field("", dots, (None, None)).list_best()] == ["two", "one"]
    assert Field("", dots[:1], (None, None)).list_best() == []


def test_a_hundredth_is_not_drawn_as_half():
    low, high = widen_range(83.2, 83.4)
    assert high - low == pytest.approx(0.04 * 83.4)
    assert (low + high) / 2 == pytest.approx(83.3)
    assert widen_range(0.0, 1.0) == (0.0, 1.0)
