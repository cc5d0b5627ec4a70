"""Findings in words: they follow the rows."""

import pytest
from test_reporting import GROUPS, row

from workflow_scripts.reporting.findings import describe_controls
from workflow_scripts.reporting.shapes import describe_shapes, find_falls
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
        row("contextssl", task, "r2", value, "z+", kind, length)
        for (kind, length), pair in values.items()
        for task, value in zip(GROUPS, pair, strict=True)
    ]
    sentences = " ".join(describe_controls(make_rows(rows), "toy", GROUPS))
    assert expected in sentences
    assert "from .900 to .100" in sentences
    assert (
        "zero-action` of 14 tokens (rotation .660, color .940) it is most like a color context, within .020"
        in sentences
    )


def test_shapes_of_curves_are_found():
    curves = {"contextssl": [0.8, 0.4, 0.1, 0.2], "contextssl~long": [0.8, 0.7, 0.3, 0.1], "contextssl~flat": [0.8] * 4}
    rows = [
        row(run, task, "r2", value if task == "rotation" else 0.9, "z+", "color", length)
        for run, values in curves.items()
        for length, value in zip([0, 2, 14, 126], values, strict=True)
        for task in GROUPS
    ]
    settings = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    settings |= {f"contextssl~{v}": {"mask_probability": [0.5, 0.99], "block_tokens": 64} for v in ("long", "flat")}
    falls = find_falls(make_rows(rows), "toy", GROUPS, settings)
    found = {(f.run, f.half, f.best, round(f.rise, 6), round(f.pairs, 6)) for f in falls}
    assert found == {("contextssl", 2, 14, 0.1, 6.3), ("contextssl~long", 14, 126, 0.0, 15.5)}
    assert len(describe_shapes(make_rows(rows), "toy", GROUPS, settings)) == 2
