"""Tables of what is not the method's: of the draw of a context, of the probe, and of a length that no paper printed."""

import pytest
from reported import PAPER, make_all_rows, make_given, make_row, tables_of

from workflow_scripts.reporting.formats import format_measured
from workflow_scripts.rows import make_rows, write_rows

pytestmark = pytest.mark.unit


@pytest.fixture
def tables(tmp_path, random):
    """Tables of the paper, with a length 6, two draws and two probes beside what other tests have."""
    given = make_given(tmp_path, random)
    rows = given["rows"].to_dict("records")
    for seed, value in enumerate((0.5, 0.7, 0.9)):
        place = {"representation": "z+", "context": "color", "seed": seed}
        rows.append(make_row("contextssl", "rotation", "r2_pooled", value, level=6, **place))
        rows += [make_row("contextssl", task, "r2", value, level=6, **place) for task in ("rotation", "color")]
        rows.append(make_row("contextssl", "rotation", "r2_sd", value / 10, level=14, **place))
        rows.append(make_row("contextssl", "color_by_adam", "r2", value, level=126, **place))
        rows.append(make_row("simclr", "color_by_adam", "r2", value / 2, seed=seed))
    write_rows(make_rows(rows), given["path"])
    return tables_of(given, PAPER)


def read(table, section, label, column):
    """The cell of a line and a column, by their names."""
    (line,) = (i for i, line in enumerate(table.view.lines) if (line.section, line.label) == (section, label))
    return table.cells[line][[column.label for column in table.view.columns].index(column)]


def test_a_length_that_the_paper_does_not_print_is_measured_and_not_available(tables):
    table = tables["toy", "context_curves"]
    cell = read(table, "rotation", "color context", "6")
    assert cell.mean == pytest.approx(0.7)
    assert cell.published is None
    assert read(table, "rotation", "color context", "14").published == 0.390
    other = read(table, "color", "color context", "6")  # not measured either: a table all the same
    assert (other.mean, other.published) == (None, None)
    assert format_measured(other, 3) == "not run"


def test_the_spread_over_draws_stands_beside_the_first_draw(tables):
    table = tables["toy", "context_draws"]
    line = ("rotation R2, color context", "contextssl")
    assert read(table, *line, "c=14, sd over draws").mean == pytest.approx(0.07)
    assert read(table, *line, "c=14").seeds == 3
    assert read(table, *line, "c=2, sd over draws").mean is None


def test_each_probe_has_a_column(tables):
    table = tables["toy", "probe_effect"]
    assert read(table, "color", "contextssl", "Color, Adam").mean == pytest.approx(0.7)
    assert read(table, "added", "simclr", "Color, Adam").mean == pytest.approx(0.35)
    assert read(table, "added", "simclr", "Color, exact").mean is None


def test_the_effect_of_decoys_is_what_is_higher_under_a_groups_own(random, tmp_path):
    """Of each method that a context can change, in a line of its own; others have none."""
    given = make_given(tmp_path, random)
    rows = make_all_rows(random, ["simclr", "contextssl", "constant"])
    for kind, rotation, color in (("rotation+decoys", 0.9, 0.2), ("color+decoys", 0.3, 0.8)):
        rows += [make_row("contextssl", "rotation", "r2", rotation, "z+", kind, 14)]
        rows += [make_row("contextssl", "color", "r2", color, "z+", kind, 14)]
    write_rows(make_rows(rows), given["path"])
    table = tables_of(given)["toy", "content_or_presence"]
    assert [line.label for line in table.view.lines] == ["contextssl"]
    found = {column.label: cell.mean for column, cell in zip(table.view.columns, table.cells[0], strict=True)}
    assert found["Rotation effect, decoys"] == pytest.approx(0.6)
    assert found["Color effect, decoys"] == pytest.approx(0.6)
    assert found["Color | rotation+decoys"] == pytest.approx(0.2)
