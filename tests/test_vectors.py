"""SVG for a page: in its color and font, without what could change the page, small and the same twice."""

import re
import xml.etree.ElementTree as ET

import pytest
from matplotlib import pyplot as plt

from workflow_scripts.reporting.drawing import CAVEAT, SETTINGS, finish_figure, make_handle, save_figure
from workflow_scripts.reporting.vectors import simplify_svg

pytestmark = pytest.mark.unit


def draw():
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(4, 3), layout="constrained")
        axis.plot([0, 1, 2], [0.123456, 1, 0.5], "o-", color="#0072B2")
        axis.set_title("Bold <title>", weight="bold")
        axis.set_ylabel("turned")
        finish_figure(figure, [make_handle("line", color="#0072B2")], "these data are made up")
    return figure


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    save_figure(draw(), folder / "a")
    return folder


def test_a_page_gives_color_ground_and_font(saved):
    text = (saved / "a.svg").read_text()
    root = ET.fromstring(text)
    assert root.get("fill") == "currentColor"
    assert "#000000" not in text
    assert "black" not in text
    assert "#ffffff" not in text
    assert "stroke: currentColor" in text
    assert "#0072b2" in text  # other colors stay
    assert "DejaVu" not in text
    assert "font-size: 9px" in text
    assert "font-weight: 700" in text or "bold" in text


def test_a_drawing_changes_nothing_else_on_its_page(saved):
    text = (saved / "a.svg").read_text()
    assert text.startswith("<svg")  # no prologue, which cannot stand within a page
    assert "<style" not in text
    assert "metadata" not in text
    assert "&lt;title&gt;" in text
    names = re.findall(r' id="([^"]+)"', text)
    assert names
    assert all(f"#{name}" in text for name in names)
    save_figure(draw(), saved / "b")
    assert not set(names) & set(re.findall(r' id="([^"]+)"', (saved / "b.svg").read_text()))


def test_the_caveat_stands_in_files_of_their_own_only(saved):
    figure = draw()
    (text,) = [text for text in figure.texts if text.get_gid() == CAVEAT]
    assert "made up" in text.get_text()
    plt.close(figure)
    assert "made up" not in (saved / "a.svg").read_text()


def test_a_drawing_is_small_and_the_same_twice(saved):
    text = (saved / "a.svg").read_text()
    assert len(text) < 6000
    assert not re.search(r"\d\.\d{3}", text)
    assert "rotate(-0" not in text
    assert "rotate(-90" in text
    (saved / "again").mkdir()
    save_figure(draw(), saved / "again" / "a")
    for ending in ("svg", "png", "pdf"):
        assert (saved / f"a.{ending}").read_bytes() == (saved / "again" / f"a.{ending}").read_bytes()


def test_figures_of_images_are_not_drawn(tmp_path):
    save_figure(draw(), tmp_path / "a", drawn=False)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".pdf"}


def test_what_is_drawn_stays_where_it_is():
    text = simplify_svg(
        '<svg xmlns="http://www.w3.org/2000/svg"><g id="figure_1"><g id="empty"/>'
        '<path d="M 1.04 2.06 &#10;L 3.00 -0.04" style="fill: none; stroke: #000000"/>'
        '<g clip-path="url(#p1)"><path d="M 0 0" style="fill: none"/></g></g></svg>'
    )
    assert text == (
        '<svg xmlns="http://www.w3.org/2000/svg" fill="currentColor" stroke-linejoin="round" '
        'font-family="system-ui, sans-serif"><path d="M 1 2.1 L 3 0" style="fill: none; stroke: currentColor" />'
        "</svg>\n"
    )
