"""Training curves: a panel for each method and group, means over seeds; no panel with all lines."""

import json

import numpy as np
import pytest

from workflow_scripts.reporting.interactive import draw_progress
from workflow_scripts.reporting.plots import plot_progress
from workflow_scripts.reporting.trainings import COLUMNS, LABEL, MOST, PLAIN, POINTS, average, collect_histories

pytestmark = pytest.mark.unit


def write_history(root, dataset, name, seed, steps, losses):
    run = root / "results" / "space" / dataset / name / f"seed{seed}"
    (run / "state").mkdir(parents=True)
    lines = [json.dumps({"step": step, "loss": loss}) for step, loss in zip(steps, losses, strict=True)]
    (run / "state" / "history.jsonl").write_text("\n".join([*lines, ""]))
    return run


def test_a_line_is_the_mean_over_seeds_relative_to_its_first(tmp_path):
    runs = [write_history(tmp_path, "toy", "simclr", seed, [10, 20], [4.0, 2.0 + seed]) for seed in range(3)]
    runs.append(tmp_path / "results" / "space" / "toy" / "random" / "seed0")  # learns nothing
    (line,) = collect_histories(runs)["simclr"]
    assert (line.label, line.levels) == (PLAIN, [10, 20])
    assert line.means == pytest.approx([1.0, 0.75])
    assert line.stds == pytest.approx([0.0, np.std([0.5, 0.75, 1.0], ddof=1)])


def test_seeds_that_logged_at_other_steps_are_compared_at_the_same():
    straight = [([0, 50, 100], [10.0, 5.0, 0.0]), ([20, 40, 90], [8.0, 6.0, 1.0])]
    points = average("x", straight)
    assert points.levels == [50]  # the steps of the first that both have passed
    assert points.means == pytest.approx([1.0])
    many = average("x", [(list(range(1001)), list(range(1, 1002)))])
    assert len(many.levels) <= POINTS + 2
    assert many.levels[-1] == 1000


def test_methods_and_groups_have_panels_and_a_full_one_is_split(tmp_path):
    names = ["simclr", "sie@rotation", "sie@color", "pretext@rotation"]
    names += [f"pretext@rotation~{word}_{n}" for word in ("eq", "plain") for n in range(4)]
    runs = [write_history(tmp_path, "toy", name, 0, [1, 2], [2.0, 1.0]) for name in names]
    found = collect_histories(runs)
    assert list(found) == [
        "simclr", "sie@rotation", "sie@color", "pretext@rotation", "pretext@rotation~eq", "pretext@rotation~plain",
    ]  # fmt: skip
    assert max(map(len, found.values())) <= MOST
    runs.append(write_history(tmp_path, "twin", "simclr", 0, [1, 2], [2.0, 1.0]))
    assert [line.label for line in collect_histories(runs)["simclr"]] == ["toy", "twin"]

    figure = plot_progress(found, "Step", 1, None, COLUMNS, LABEL)
    assert [axis.get_title("left") for axis in figure.axes if axis.get_visible()] == list(found)
    assert len({axis.get_ylim() for axis in figure.axes[: len(found)]}) == 1
    content = json.loads(draw_progress(found, "Step", 1, COLUMNS, LABEL))
    assert [entry["text"] for entry in content["layout"]["annotations"]] == list(found)
    assert all(content["layout"][f"yaxis{n}"]["matches"] == "y" for n in range(2, len(found) + 1))
