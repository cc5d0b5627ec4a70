"""Figures of what happened during training: points against a loop, the same bytes twice; and findings."""

import json

import numpy as np
import pytest
from reported_essl import ESSL, STEPS, make_essl, make_essl_rows

from workflow_scripts.reporting.cells import make_tables
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.progress import Panel, Points, Progress
from workflow_scripts.reporting.findings.leak import LeakFinding
from workflow_scripts.reporting.findings.synergy import SynergyFinding
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.plots import COLORS, save_figure, style_labels

pytestmark = pytest.mark.unit
RUNS = ["pretext@rotation", "pretext@hflip", "pretext@rotation~cls", "pretext@rotation~resnet50", "random", "constant"]
RUNS += ["pretext@hflip~cls"]


@pytest.fixture(scope="module")
def tables():
    rows = make_essl_rows(runs=RUNS)
    return {t.view.place.table: t for t in make_tables(make_essl(rows, runs=RUNS), read_paper(ESSL))}


def test_points_match_a_loop(tables):
    table = tables["pretext_tasks"]
    found = table.figure.collect(table)
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
    assert lines[2]["y"] == points.means
    band = next(trace for trace in drawn["data"] if trace.get("fill") and trace["name"] == "+cls, no crops")
    above = [mean + std for mean, std in zip(points.means, points.stds, strict=True)]
    assert band["y"][: len(STEPS)] == pytest.approx(above)


def test_a_figure_of_no_points_says_so(tables):
    table = tables["pretext_tasks"]
    nothing = Progress([Panel("loss", {"metric": "unheard"})])
    subject = Subject("cifar10", "", table)
    assert "No run" in nothing.draw(subject).texts[0].get_text()
    assert "No run" in nothing.draw_interactive(subject)


def test_many_labels_are_told_apart():
    lines = {"panel": [Points(str(n), [1], [0.0], [0.0]) for n in range(3 * len(COLORS))]}
    assert len(set(style_labels(lines).values())) == 3 * len(COLORS)


@pytest.mark.parametrize(("stored", "aligned", "shifted", "verdict"), [
    (99.6, 99.4, 68.4, "are confounded, for a network may have read the codec"),
    (80.0, 74.0, 66.0, "a part of what predicts rotation on these data may be the codec"),
    (74.0, 65.0, 64.0, "the codec tells little of rotation"),  # what the whole image tells more is not the codec's
    (52.0, 70.0, 80.0, "the codec does not give rotation away in images as stored, but would in crops that cut"),
])  # fmt: skip
def test_the_leak_is_judged_by_crops_on_the_grid_and_off_it(stored, aligned, shifted, verdict):
    def value(name, seed, representation, task, metric, condition, level):
        return {0: stored, 3: shifted, 8: aligned}.get(level, 50.0) + (seed - 1 if task == "rotation" else 20)

    material = make_essl(make_essl_rows(value, runs=["constant"]), runs=["constant"])
    select = {"method": "constant", "representation": "pixels", "metric": "leak_accuracy"}
    about = (material.rows, material.measured["cifar10"], {})
    (sentence,) = LeakFinding(select, tasks=["rotation"]).describe(*about)
    assert verdict in sentence
    assert f"right about {stored:.1f} % of the test images as stored (chance: 50 %)" in sentence
    assert f"right about {aligned:.1f} % on the grid and {shifted:.1f} % off it" in sentence
    assert LeakFinding(select, shifted=5).describe(*about) == []
    assert len(LeakFinding(select).describe(*about)) == 3
    assert LeakFinding({**select, "method": "random"}).describe(*about) == []


def test_the_order_of_synergies_follows_the_rows():
    values = {"rotation": 0.05, "vflip": 0.04, "hflip": 0.002}

    def value(name, seed, representation, task, metric, condition, level):
        if metric == "information_shuffled":
            return -0.003 if task == "hflip" else 0.001
        return values.get(task, 0.0) if metric == "information" and name == "random" else 0.0

    runs = ["random", "supervised", "constant"]
    material = make_essl(make_essl_rows(value, runs=runs), runs=runs)
    random, supervised = SynergyFinding().describe(material.rows, material.measured["cifar10"], {})
    assert random.startswith("random: what knowing the class adds, in nats: rotation .0500, vflip .0400, hflip .0020,")
    assert random.endswith("; more than what a shuffled class adds or takes of the same task: rotation, vflip.")
    assert supervised.endswith("adds or takes: nothing is measured.")
