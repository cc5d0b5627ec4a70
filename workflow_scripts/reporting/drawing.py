"""What all figures with matplotlib share: colors, legends, caveats, files. Bytes are deterministic: no dates."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from workflow_scripts.reporting.vectors import simplify_svg
from workflow_scripts.support.files import atomic_path, write_text

# Okabe and Ito's palette, which color-blind readers can tell apart; its black is a grey here, seen on a dark page, too.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#737373"]
DASHES = ["-", "--", ":", "-."]
EMPTY = "No run of this experiment has what this figure shows."
SETTINGS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",  # text stays text, in the font of the page
}
FLOOR: Any = {"color": "#808080", "linestyle": ":", "linewidth": 1.2}
PUBLISHED_FLOOR: Any = {**FLOOR, "linestyle": (0, (5, 2, 1, 2))}  # of other data than the measured floor
LETTERS = 17  # of a caveat that fit in an inch
CAVEAT = "caveat"  # the mark of text that stands on the page already
ROW = 0.17  # height of a line of a legend [inches]


def save_figure(figure: Figure, stem: Path, drawn: bool = True) -> None:
    """Write a figure as `<stem>.png` and `<stem>.pdf`, atomically and without a date, and close it.

    drawn: it is made of lines and text, not of images, and is written as `<stem>.svg`, too: for a page, so without its
    caveat and ground, in the page's color and font.
    """
    # The settings of the drawing hold here, too: ticks are chosen when a figure is written.
    with plt.rc_context({**SETTINGS, "svg.hashsalt": stem.name}):
        for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            with atomic_path(stem.with_name(f"{stem.name}.{ending}")) as temporary:
                figure.savefig(temporary, dpi=150, metadata=metadata, format=ending)
        if drawn:
            write_text(stem.with_name(f"{stem.name}.svg"), draw_svg(figure))
    plt.close(figure)


def draw_svg(figure: Figure) -> str:
    """Return a figure as an SVG element for a page, without its caveat."""
    for text in figure.texts:
        text.set_visible(text.get_gid() != CAVEAT)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.04)
    return simplify_svg(buffer.getvalue())


def count_columns(labels: Iterable[str], width: float) -> int:
    """Return how many columns a legend of these labels has in a figure. width: [inches]"""
    longest = max(map(len, labels), default=1)
    return max(1, min(4, int((width - 0.2) / (0.42 + 0.06 * longest))))


def measure_legend(labels: Sequence[str], width: float) -> float:
    """Return the height that a legend of these labels takes. Both in inches."""
    return ROW * -(-len(labels) // count_columns(labels, width)) + 0.1


def capitalise(text: str) -> str:
    """Return a title with its first letter in capital."""
    return text[:1].upper() + text[1:]


def make_handle(label: str, **look: Any) -> Line2D:
    """Return an entry of a legend. look: of a line."""
    return Line2D([], [], label=label, **look)


def finish_figure(figure: Figure, handles: Sequence[Any], *notes: str) -> None:
    """Write one legend right below all panels, and below it what the data are; then lay the figure out above both.

    handles: of the legend, with labels; their height is `measure_legend`'s. notes: sentences.
    """
    lines = textwrap.wrap(" ".join(filter(None, notes)), width=round(LETTERS * figure.get_figwidth()))
    whole, width = figure.get_figheight(), figure.get_figwidth()
    bottom = 0.12 * len(lines) + 0.1
    figure.text(0.01, 0.04 / whole, "\n".join(lines), fontsize=6.5, color="dimgray", gid=CAVEAT)
    if handles:
        labels = [str(handle.get_label()) for handle in handles]
        style: Any = {"fontsize": 7.5, "frameon": False, "handlelength": 2.2, "columnspacing": 1.2, "borderpad": 0.0}
        place: Any = {"loc": "lower left", "bbox_to_anchor": (0.012, bottom / whole), "borderaxespad": 0.0}
        figure.legend(handles=handles, ncols=count_columns(labels, width), **style, **place)
        bottom += measure_legend(labels, width)
    share = bottom / whole
    if isinstance(engine := figure.get_layout_engine(), ConstrainedLayoutEngine):
        engine.set(rect=(0, share, 1, 1 - share))
    else:
        figure.tight_layout(rect=(0, share, 1, 1))


def draw_message(text: str, *notes: str) -> Figure:
    """Draw a figure that only says why there is nothing to see."""
    with plt.rc_context(SETTINGS):
        figure = plt.figure(figsize=(8, 1.8))
        figure.text(0.5, 0.65, text, ha="center", va="center", wrap=True)
        finish_figure(figure, (), *notes)
    return figure
