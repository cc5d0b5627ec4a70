"""The figure of nearest neighbours: what was retrieved, and what is absent."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from project import ROOT

from workflow_scripts.data.packed import ARRAYS
from workflow_scripts.reporting.drawing import save_figure
from workflow_scripts.reporting.evaluations import FILE, read_evaluation
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.neighbours import NeighboursFigure
from workflow_scripts.reporting.neighbours import plot_neighbours
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
OBJECTS, TRAIN, VIEWS, QUERIES = 8, 3, 5, 6  # objects of the test split, before it; views and queries of each
EVALUATOR = "neighbours"
# What each run predicts: (representation, condition, level).
PREDICTIONS = {
    "simclr": [],
    "equimod@color": [("rho", "", None)],
    "contextssl": [("zr", f"context {kind}", 14) for kind in ("rotation", "color")],
}


def make_entries(predictions, random):
    """Entries as the evaluator makes them."""
    return [
        {"representation": representation, "condition": condition, "level": level}
        | {"object": number, "source": 0, "target": 1 + number % (VIEWS - 1)}
        | {"rotation_degrees": 12.0 * number, "floor_hue_turns": -0.1, "light_hue_turns": 0.25}
        | {"retrieved": int(random.integers(VIEWS)), "cosine": 0.5, "rank": 1.5, "candidates": VIEWS}
        for representation, condition, level in predictions
        for number in range(QUERIES)
    ]


@pytest.fixture
def stored(random, tmp_path):
    """Evaluations of three runs and one that was deleted, and the packed images."""
    runs = []
    for name, predictions in PREDICTIONS.items():
        runs.append(tmp_path / "results" / "space" / "toy" / name / "seed0")
        exhibits = {EVALUATOR: make_entries(predictions, random)} if predictions else {}
        write_json(runs[-1] / FILE, {"skipped": {}, "exhibits": exhibits})
    runs.append(runs[0].parents[1] / "sie@rotation" / "seed0")
    packed = tmp_path / "results" / "space" / "data" / "toy" / "packed"
    packed.mkdir(parents=True)
    total = TRAIN + OBJECTS
    arrays = {
        "inputs": random.integers(0, 256, size=(total, VIEWS, 8, 8, 3), dtype=np.uint8),
        "latents": np.zeros((total, VIEWS, 7), dtype=np.float32),
        "labels": np.zeros(total, dtype=np.int64),
        "splits": np.repeat(np.array([0, 1], dtype=np.uint8), (TRAIN, OBJECTS)),
        "objects": np.array([f"/toy/{i}/" for i in range(total)]),
    }
    for name in ARRAYS:
        np.save(packed / f"{name}.npy", arrays[name])
    facts = {"source": "toy", "description": "", "layout": "3diebench", "mean": [0] * 3, "std": [1] * 3, "sha256": {}}
    facts |= {"caveat": "embedded data, small.", "resolution": 8, "columns": [], "counts": [], "views": VIEWS}
    facts |= {"classes": ["toy"], "latents": list("abcdefg"), "objects": {"train": TRAIN, "test": OBJECTS}}
    write_json(packed / "meta.json", {**facts, "settings_hash": ""})
    return Subject("toy", facts["caveat"], None, tuple(runs), packed), arrays["inputs"][TRAIN:]


def draw(subject, runs=None):
    """The figure, of other runs if there are any."""
    runs = subject.runs if runs is None else tuple(runs)
    return plot_neighbours(Subject(subject.scope, subject.caveat, None, runs, subject.packed), EVALUATOR)


def texts(figure):
    """Every line of text in a figure, joined."""
    artists = [*figure.texts, *(text for axis in figure.axes for text in (axis.title, axis.xaxis.label, *axis.texts))]
    plt.close(figure)
    return " ".join(" ".join(artist.get_text() for artist in artists).split())


def test_the_figure_shows_what_was_retrieved(stored):
    subject, images = stored
    figure = NeighboursFigure().draw(subject)
    shown = texts(figure)
    for label in ("source", "target", "equimod color", "contextssl rotation context 14 tokens", "color context"):
        assert label in shown
    assert "toy: embedded data, small. " in shown
    assert "absent: sie@rotation." in shown
    assert "simclr" not in shown  # it predicts nothing
    entries = read_evaluation(subject.runs[1])["exhibits"][EVALUATOR]
    for row, entry in enumerate(entries):
        axes = figure.axes[6 * row : 6 * row + 6]
        for axis, view in ((axes[0], entry["source"]), (axes[2], entry["target"]), (axes[3], entry["retrieved"])):
            assert np.array_equal(axis.images[0].get_array(), images[entry["object"], view])
        assert f"rotation {entry['rotation_degrees']:.0f}°" in axes[1].texts[0].get_text()
        assert axes[3].get_xlabel() == f"rank {entry['rank']:g} of {VIEWS}"
        assert axes[3].spines["top"].get_visible() == (entry["retrieved"] == entry["target"])


def test_same_neighbours_same_bytes(stored, tmp_path):
    for name in ("first", "second"):
        save_figure(draw(stored[0]), tmp_path / name)
    for ending in ("png", "pdf"):
        assert (tmp_path / f"first.{ending}").read_bytes() == (tmp_path / f"second.{ending}").read_bytes()


def test_what_is_absent_is_said_in_the_figure(stored):
    subject = stored[0]
    nothing = texts(draw(subject, subject.runs[3:]))
    assert "no stored neighbours of a method that predicts" in nothing
    assert "absent: sie@rotation." in nothing
    assert "Nothing to draw" in texts(draw(subject, []))
    (subject.packed / "inputs.npy").unlink()
    assert "inputs.npy is missing" in texts(draw(subject))


def test_variants_are_drawn_only_without_their_default(stored):
    subject = stored[0]
    variant = Path(str(subject.runs[2]).replace("contextssl", "contextssl~mask0"))
    shutil.copytree(subject.runs[2], variant)
    both = texts(draw(subject, [*subject.runs, variant]))
    assert "~mask0" not in both
    assert "Variants of contextssl are left out." in both
    assert "~mask0" in texts(draw(subject, [subject.runs[1], variant]))


def test_neighbours_of_other_data_are_refused(stored):
    subject = stored[0]
    content = read_evaluation(subject.runs[1])
    for entry in content["exhibits"][EVALUATOR]:
        entry["object"] = OBJECTS
    write_json(subject.runs[1] / FILE, content)
    with pytest.raises(UserError, match="are not of the data in"):
        draw(subject)


def test_only_stored_views_have_such_a_figure():
    assert NeighboursFigure().suits({"views": "stored"})
    assert not NeighboursFigure().suits({"views": "augmented"})


def test_drawing_imports_no_torch():
    modules = "workflow_scripts.reporting.neighbours, workflow_scripts.reporting.image_neighbours"
    code = f"import sys; sys.modules['torch'] = None; import {modules}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
