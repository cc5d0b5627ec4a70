"""Findings in words: they follow the rows."""

import pytest
from reported import GROUPS, make_all_rows, make_row

from workflow_scripts.reporting.findings.controls import Controls
from workflow_scripts.reporting.findings.shapes import Shapes
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("shuffled", "expected"),
    [(0.1, "100 % of the effect: the model notices which group"), (0.9, "0 % of the effect: the model uses what"),
     (0.5, "50 % of the effect: the model uses in part")],
)  # fmt: skip
def test_findings_follow_the_rows(shuffled, expected):
    values = {("rotation", 0): (0.7, 0.9), ("rotation", 14): (0.9, 0.1), ("rotation+shuffled", 14): (0.8, shuffled)}
    values |= {("color", 0): (0.7, 0.9), ("color", 14): (0.68, 0.95), ("zero-action", 14): (0.66, 0.94)}
    rows = [
        make_row("contextssl", task, "r2", value, "z+", kind, length)
        for (kind, length), pair in values.items()
        for task, value in zip(GROUPS, pair, strict=True)
    ]
    frame = make_rows(rows)
    sentences = " ".join(Controls().describe(frame, describe_measured(frame, "toy", GROUPS, []), {}))
    assert expected in sentences
    assert "from .900 to .100" in sentences
    assert (
        "zero-action` of 14 tokens (rotation .660, color .940) it is most like a color context, within .020"
        in sentences
    )


def test_shapes_of_curves_are_found():
    curves = {"contextssl": [0.8, 0.4, 0.1, 0.2], "contextssl~long": [0.8, 0.7, 0.3, 0.1], "contextssl~flat": [0.8] * 4}
    rows = [
        make_row(run, task, "r2", value if task == "rotation" else 0.9, "z+", "color", length)
        for run, values in curves.items()
        for length, value in zip([0, 2, 14, 126], values, strict=True)
        for task in GROUPS
    ]
    settings = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    settings |= {f"contextssl~{v}": {"mask_probability": [0.5, 0.99], "block_tokens": 64} for v in ("long", "flat")}
    frame, shapes = make_rows(rows), Shapes("mask_probability", "block_tokens")
    measured = describe_measured(frame, "toy", GROUPS, [])
    falls = shapes.find_falls(frame, measured, settings)
    found = {(f.run, f.half, f.best, round(f.rise, 6), round(f.pairs, 6)) for f in falls}
    assert found == {("contextssl", 2, 14, 0.1, 6.3), ("contextssl~long", 14, 126, 0.0, 15.5)}
    assert len(shapes.describe(frame, measured, settings)) == 2
    assert shapes.describe(frame, measured, {name: {"width": 64} for name in settings}) == []  # of no such settings
    assert set(shapes.reads) <= set(settings["contextssl"])


def test_controls_without_contexts_to_compare_with_are_left_out(random):
    rows = make_rows(make_all_rows(random, ["simclr", "contextssl"]))
    for frame, count in ((rows, 3), (rows[rows["level"] != 0], 0)):
        assert len(Controls().describe(frame, describe_measured(frame, "toy", GROUPS, []), {})) == count
