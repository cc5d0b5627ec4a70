"""Panels of plotly: beside each other on a wide screen, below each other on a narrow one, light to load."""

import json

import pytest
from plotly import graph_objects as go

from workflow_scripts.reporting.panels import Arrangement, FloorLine, dump_panels, measure_legend

pytestmark = pytest.mark.unit
LABELS = ["one", "two"]


def make(count, columns, **more):
    traces = [[go.Scatter(x=[0, 1], y=[n, n / 3], name=name) for name in LABELS] for n in range(count)]
    return json.loads(dump_panels([f"panel {n}" for n in range(count)], traces, Arrangement("x", "y", columns, **more)))


def read_domains(layout, count):
    return [[layout[f"{axis}axis{n or ''}"]["domain"] for axis in "xy"] for n in (0, *range(2, count + 1))]


def test_panels_do_not_overlap_on_any_screen():
    content = make(5, 3)
    for layout in (content["layout"], content["narrow"]):
        places = read_domains(layout, 5)
        for n, (x, y) in enumerate(places):
            assert 0 <= x[0] < x[1] <= 1.0001
            assert -1e-9 <= y[0] < y[1] <= 1
            for other_x, other_y in places[:n]:
                assert x[0] >= other_x[1] or other_x[0] >= x[1] or y[0] >= other_y[1] or other_y[0] >= y[1]
    assert len({tuple(x) for x, _ in read_domains(content["layout"], 5)}) == 3
    assert len({tuple(x) for x, _ in read_domains(content["narrow"], 5)}) == 1
    assert content["narrow"]["height"] > content["layout"]["height"]
    assert len({tuple(x) for x, _ in read_domains(make(8, 4)["narrow"], 8)}) == 2  # small ones go in pairs


def test_a_label_stands_once_in_the_legend_and_switches_all_panels():
    data = make(3, 3)["data"]
    assert [trace["showlegend"] for trace in data] == [True, True, False, False, False, False]
    assert {trace["legendgroup"] for trace in data if trace["name"] == "one"} == {"one"}
    assert [trace["xaxis"] for trace in data] == ["x", "x", "x2", "x2", "x3", "x3"]


@pytest.mark.parametrize(
    ("period", "twins"), [(1, [None, "y", "y", "y"]), (2, [None, None, "y", "y2"]), (4, [None] * 4)]
)
def test_panels_of_one_measure_have_one_scale(period, twins):
    layout = make(4, 2, period=period)["layout"]
    assert [layout[f"yaxis{n or ''}"].get("matches") for n in (0, 2, 3, 4)] == twins


def test_a_floor_is_drawn_in_its_panel_and_named_once():
    floors = [FloorLine(0, "x", 0.5, "floor"), FloorLine(1, "y", 0.25, "floor")]
    traces = [[go.Scatter(x=[0], y=[0], name="one")]] * 2
    layout = json.loads(dump_panels(["a", "b"], traces, Arrangement("x", "y", 2), floors))["layout"]
    first, second = layout["shapes"]
    assert (first["x0"], first["x1"], first["xref"], first["yref"]) == (0.5, 0.5, "x", "y domain")
    assert (second["y0"], second["y1"], second["yref"], second["xref"]) == (0.25, 0.25, "y2", "x2 domain")
    assert [shape["showlegend"] for shape in layout["shapes"]] == [True, False]


def test_numbers_have_the_digits_that_one_sees_and_no_library_adds_a_theme():
    text = dump_panels(["a"], [[go.Scatter(x=[1 / 3], y=[123456.789], name="one")]], Arrangement("x", "y", 1))
    assert "0.33333," in text or "0.33333]" in text
    assert "123460.0" in text
    assert "template" not in text
    assert len(text) < 1500


def test_a_legend_takes_the_lines_that_its_names_need():
    assert measure_legend(["short"] * 3, 680) == measure_legend(["short"], 680)
    assert measure_legend(["a very long name of a method"] * 4, 340) > measure_legend(["a very long name"], 340)
