"""Figures of what happened during training: points against a loop, the same bytes twice."""

import json
from dataclasses import replace

import numpy as np
import pytest
from reported_essl import ESSL, STEPS, make_essl, make_essl_rows

from workflow_scripts.reporting.cells import make_tables
from workflow_scripts.reporting.drawing import COLORS, save_figure
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.progress import Panel, Points, Progress
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.plots import style_labels

pytestmark = pytest.mark.unit
RUNS = ["pretext@rotation", "pretext@hflip", "pretext@rotation~cls", "pretext@rotation~resnet50", "random", "constant"]
RUNS += ["pretext@hflip~cls"]


@pytest.fixture(scope="module")
def tables():
    rows = make_essl_rows(runs=RUNS)
    return {t.view.place.table: t for t in make_tables(make_essl(rows, runs=RUNS), read_paper(ESSL))}


def test_points_match_a_loop(tables):
    table = tables["pretext_tasks"]
    assert list(table.figure.collect(table)) == [
        f"as in the paper: {label}" for label in ("a: pretext training loss [nats]", "b: test top-1 [%]")
    ]  # of a section of which nothing was measured, there is no panel
    found = replace(table.figure, split=None).collect(table)
    assert list(found) == ["a: pretext training loss [nats]", "b: test top-1 [%]"]
    for title, metric in zip(found, ("train_loss", "top1"), strict=True):
        # Neither runs that are named but were not run, nor controls, that learn nothing.
        assert [points.label for points in found[title]] == ["rotation", "hflip"]
        for points in found[title]:
            assert points.levels == STEPS
            for level, average, spread in zip(points.levels, points.means, points.stds, strict=True):
                values = [
                    row.value for row in table.rows.itertuples()
                    if (row.group, row.variant, row.metric, row.condition) == (points.label, "", metric, "step")
                    and row.level == level
                ]  # fmt: skip
                assert len(values) == 3
                assert average == pytest.approx(np.mean(values), rel=1e-12)
                assert spread == pytest.approx(np.std(values, ddof=1), rel=1e-12)


def test_sections_have_panels_of_their_own(tables):
    table = tables["class_information_tasks"]
    found = table.figure.collect(table)
    label = "training accuracy [%]"
    assert {title: [points.label for points in lines] for title, lines in found.items()} == {
        f"rotation, ResNet-50: {label}": ["base"],
        f"hflip: {label}": ["base, no crops", "+cls, no crops"],
    }


def test_a_figure_has_a_line_for_each_run_and_the_same_bytes_twice(tables, tmp_path):
    table = tables["class_information_tasks"]
    subject = Subject("cifar10", "made up", table)
    labels = ["base", "base, no crops", "+cls, no crops"]
    for name in ("a", "b"):
        figure = table.figure.draw(subject)
        assert [len(axis.lines) for axis in figure.axes] == [1, 2]
        assert [text.get_text() for text in figure.legends[0].get_texts()] == labels
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    drawn = json.loads(table.figure.draw_interactive(subject))
    lines = [trace for trace in drawn["data"] if trace.get("fill") is None]
    assert [trace["name"] for trace in lines] == labels
    assert [trace["showlegend"] for trace in lines] == [True, True, True]
    points = table.figure.collect(table)["hflip: training accuracy [%]"][1]
    assert lines[2]["y"] == pytest.approx(points.means, rel=1e-4)  # digits that nobody sees are left out
    band = next(trace for trace in drawn["data"] if trace.get("fill") and trace["name"] == "+cls, no crops")
    above = [mean + std for mean, std in zip(points.means, points.stds, strict=True)]
    assert band["y"][: len(STEPS)] == pytest.approx(above, rel=1e-4)


def test_a_figure_of_no_points_says_so(tables):
    table = tables["pretext_tasks"]
    nothing = Progress([Panel("loss", {"metric": "unheard"})])
    subject = Subject("cifar10", "", table)
    assert "No run" in nothing.draw(subject).texts[0].get_text()
    assert "No run" in nothing.draw_interactive(subject)


def test_many_labels_are_told_apart():
    lines = {"panel": [Points(str(n), [1], [0.0], [0.0]) for n in range(3 * len(COLORS))]}
    assert len(set(style_labels(lines).values())) == 3 * len(COLORS)
