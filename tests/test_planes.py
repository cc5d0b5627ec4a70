"""Bars and planes: what they show against the rows, the same bytes twice."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from reported_looc import ACROSS, LOOC, make_looc, make_number

from workflow_scripts.reporting.cells import Cell, make_tables
from workflow_scripts.reporting.drawing import save_figure
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.plane import Dot, Field
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.planes import style_dots
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
RUNS = ["moco", "simclr", "looc~color", "looc~color_rotation", "supervised", "random", "constant"]


@pytest.fixture(scope="module")
def tables():
    material = make_looc("laptop", seeds=2, runs=RUNS)
    papers = {folder: read_paper(folder) for folder in (LOOC, ACROSS)}
    kept = replace(papers[LOOC], views={name: papers[LOOC].views[name] for name in ("head_usage",)})
    return {t.view.place.table: t for paper in (kept, papers[ACROSS]) for t in make_tables(material, paper)}


def mean(name, *spot):
    return sum(make_number(name, seed, *spot, "", None) for seed in (0, 1)) / 2


def test_bars_are_the_cells_of_the_table(tables):
    table = tables["head_usage"]
    found = table.figure.collect(table)
    assert {section: [bar.label for bar in bars] for section, bars in found.items()} == {
        section: ["looc++ (color)", "looc++ (color, rotation)"] for section in ("usage", "contribution")
    }
    color, both = found["usage"]
    assert color.parts["head of Z_rotation"] is None
    assert both.parts["head of Z_rotation"] == pytest.approx(mean("looc~color_rotation", "hidden", "rotation", "usage"))


def test_bars_are_stacked_from_end_to_end(tables):
    table = tables["head_usage"]
    subject, found = Subject("toy", "made up", table), table.figure.collect(table)
    figure = table.figure.draw(subject)
    for axis, bars in zip(figure.axes, found.values(), strict=True):
        drawn = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        for row, bar in enumerate(bars):
            own = [patch for patch in drawn if round(patch.get_y() + patch.get_height() / 2) == row]
            lengths = [length or 0.0 for part, length in bar.parts.items() if part != "head of Z_texture"]
            assert [patch.get_width() for patch in own] == pytest.approx(lengths)
            assert [patch.get_x() for patch in own] == pytest.approx([0.0, *np.cumsum(lengths)[:-1]])
        whiskers = [collection for collection in axis.collections if len(collection.get_segments()) == 1]
        spreads = [value for bar in bars for value in bar.spreads.values() if value]
        widths = [abs(segment[1, 0] - segment[0, 0]) for own in whiskers for segment in own.get_segments()]
        assert sorted(widths) == pytest.approx(sorted(2 * value for value in spreads))
    # A part that no bar has is in no legend.
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["head of Z_0", "head of Z_rotation", "head of Z_color"]
    drawn = json.loads(table.figure.draw_interactive(subject))
    assert drawn["layout"]["barmode"] == "stack"
    bars = {kind: [trace for trace in drawn["data"] if trace["type"] == kind] for kind in ("bar", "scatter")}
    assert [trace["showlegend"] for trace in bars["bar"]] == [True] * 3 + [False] * 3
    assert len(bars["scatter"]) == 4  # whiskers of every bar, after all bars of its panel
    (usage,) = [trace for trace in bars["bar"] if trace["name"] == "head of Z_rotation" and trace["xaxis"] == "x"]
    assert usage["x"] == [
        found["usage"][n].parts["head of Z_rotation"]
        and pytest.approx(found["usage"][n].parts["head of Z_rotation"], rel=1e-4)
        for n in (0, 1)
    ]


def test_points_of_the_plane_are_two_columns_of_the_table(tables, tmp_path):
    table = tables["kept_of_images"]
    (field,) = table.figure.collect(table)
    dots = {(dot.section, dot.label): dot for dot in field.dots}
    assert set(dots) == {
        *(("LooC", label) for label in ("moco", "looc (color)", "looc (color, rotation)", "looc++ (color, rotation)")),
        *(("control", label) for label in ("supervised", "random", "constant")),
        ("ContextSSL", "simclr"),
    }
    dot = dots["LooC", "looc++ (color, rotation)"]
    values = [
        [make_number("looc~color_rotation", seed, "hidden", task, "accuracy", "", None) for seed in (0, 1)]
        for task in ("rotation", "hue")
    ]
    assert (dot.x, dot.y) == pytest.approx(tuple(map(np.mean, values)))
    assert (dot.x_std, dot.y_std) == pytest.approx(tuple(np.std(own, ddof=1) for own in values))
    assert field.floors == pytest.approx(tuple(mean("constant", "h", task, "accuracy") for task in ("rotation", "hue")))

    subject = Subject("toy", "", table)
    for name in ("a", "b"):
        figure = table.figure.draw(subject)
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        methods = [label for section, label in dots if section != "control"]
        assert texts == [*methods, "LooC", "ContextSSL", "constant"]  # controls have their names beside them
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    drawn = json.loads(table.figure.draw_interactive(subject))
    points = {
        text: point for trace in drawn["data"] if "text" in trace
        for text, *point in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }  # fmt: skip
    assert points == {
        label if section == "control" else f"{label}, {section}": pytest.approx([dot.x, dot.y], rel=1e-4)
        for (section, label), dot in dots.items()
    }
    assert len(drawn["layout"]["shapes"]) == 2


def test_nothing_measured_is_said(tables):
    for name in ("head_usage", "kept_of_images"):
        table = tables[name]
        empty = replace(table, cells=[[Cell(None, None, 0, None) for _ in line] for line in table.cells])
        subject = Subject("toy", "", empty)
        assert "No run" in table.figure.draw(subject).texts[0].get_text()
        assert "No run" in table.figure.draw_interactive(subject)


def test_points_are_told_apart():
    dots = [Dot(section, str(n), 0.0, 0.0) for section in "abc" for n in range(27)]
    styles = style_dots([Field("", dots, (None, None))])
    assert len(set(styles.values())) == len(dots)
    assert len({styles["a", str(n)].marker for n in range(27)}) == 1
    joined = [replace(dot, is_joined=dot.label == "3") for dot in dots]
    marked = style_dots([Field("", joined, (None, None))])
    assert {key for key, style in marked.items() if style.color == "#0072B2"} == {(section, "3") for section in "abc"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: plane, x: Rotation,", "kind: plane, x: Rotatoin,", "the view has no column 'Rotatoin'; did you mean"),
        ("select: { representation: h }", "select: { reprsentation: h }", "did you mean 'representation'"),
        ("label: hue, unit", "lable: hue, unit", "kept.1.label of kind keeps is wrong"),
    ],
)
def test_a_mistake_is_one_sentence(old, new, message, tmp_path):
    folder = tmp_path / "wrong"
    shutil.copytree(ACROSS, folder)
    path = folder / "views.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=message) as caught:
        read_paper(folder)
    assert "\n" not in str(caught.value)
