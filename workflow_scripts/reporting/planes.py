"""Points in a plane, with matplotlib and with plotly: what each line of a table has of two things."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from plotly import graph_objects as go

from workflow_scripts.reporting.drawing import (
    COLORS,
    EMPTY,
    FLOOR,
    SETTINGS,
    draw_message,
    finish_figure,
    make_handle,
    measure_legend,
)
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.plane import Dot, Field, Plane, list_labels_of
from workflow_scripts.reporting.panels import Arrangement, FloorLine, dump_message, dump_panels

MARKERS = {
    "o": "circle",
    ">": "triangle-right",
    "^": "triangle-up",
    "s": "square",
    "D": "diamond",
    "v": "triangle-down",
}
FILLS = {"full": "", "none": "-open", "left": "-dot", "bottom": "-open-dot"}  # matplotlib's, and plotly's
NEUTRAL = "#808080"
BEST = "highest along an axis"
RING: Any = {"marker": "o", "markersize": 12, "color": "black", "markerfacecolor": "none", "linestyle": "none"}


@dataclass(frozen=True)
class DotStyle:
    """How a point looks: its color and fill are its label's, its marker its section's."""

    color: str
    marker: str
    fill: str


def style_dots(fields: list[Field]) -> dict[tuple[str, str], DotStyle]:
    """Return the look of each point by section and label. Controls have crosses."""
    dots, sections = [dot for field in fields for dot in field.dots], list_sections(fields)
    joined = {dot.label for dot in dots if dot.is_joined}
    colors = COLORS[1:] if joined else COLORS  # the first is that of what is joined
    others = [label for label in list_labels_of(fields) if label not in joined]
    styles = {}
    for dot in dots:
        marker = list(MARKERS)[sections.index(dot.section) % len(MARKERS)] if not dot.is_control else "x"
        if dot.is_control or dot.label in joined:
            style = DotStyle("black" if dot.is_control else COLORS[0], marker, "full")
        else:
            turn, color = divmod(others.index(dot.label), len(colors))
            style = DotStyle(colors[color], marker, list(FILLS)[turn % len(FILLS)])
        styles[dot.section, dot.label] = style
    return styles


def list_sections(fields: list[Field]) -> list[str]:
    """Return the sections of methods in any panel, in their order."""
    return list(dict.fromkeys(dot.section for field in fields for dot in field.dots if not dot.is_control))


def name_dot(dot: Dot) -> str:
    """Return what a point is called where it stands alone."""
    return dot.label if dot.is_control or not dot.section else f"{dot.label}, {dot.section}"


def plot_plane(fields: list[Field], plane: Plane, subject: Subject) -> Figure:
    """Draw the points with one standard deviation around each, and a legend below."""
    if not fields:
        return draw_message(EMPTY, subject.about)
    styles = style_dots(fields)
    handles = _list_handles(fields, plane, styles)
    width = 3.8 * len(fields) if len(fields) > 1 else 5.2
    height = 3.4 + measure_legend([handle.get_label() for handle in handles], width) + 0.4
    with plt.rc_context(SETTINGS):
        grid: Any = {"squeeze": False, "sharex": True, "sharey": True}
        figure, axes = plt.subplots(1, len(fields), figsize=(width, height), layout="constrained", **grid)
        for axis, field in zip(axes[0], fields, strict=True):
            _draw_field(axis, field, plane, styles)
            axis.set_title(field.title, loc="left", fontsize=9)
            axis.set_xlabel(plane.x)
        axes[0, 0].set_ylabel(plane.y)
        finish_figure(figure, handles, subject.about)
        figure.draw_without_rendering()  # places are known from here on
        for axis, field in zip(axes[0], fields, strict=True):
            _write_names(axis, field)
    return figure


def _draw_field(axis: Axes, field: Field, plane: Plane, styles: dict[tuple[str, str], DotStyle]) -> None:
    """Draw one panel, without names."""
    for dot in field.dots:
        style = styles[dot.section, dot.label]
        look: Any = {"color": style.color, "marker": style.marker, "fillstyle": style.fill}
        look["markersize"] = 7.5 if dot.is_joined else 5.5
        bars: Any = {"xerr": dot.x_std or None, "yerr": dot.y_std or None, "elinewidth": 0.8}
        axis.errorbar(dot.x, dot.y, linestyle="none", alpha=0.9, **look, **bars)
    joined = [dot for dot in field.dots if dot.is_joined]
    for first, second in pairwise(joined):
        color = styles[first.section, first.label].color
        axis.plot([first.x, second.x], [first.y, second.y], color=color, linewidth=1, alpha=0.6, zorder=1)
    for dot in field.list_best() if plane.best else []:
        axis.plot(dot.x, dot.y, **RING)
    if field.floors[0] is not None:
        axis.axvline(field.floors[0], **FLOOR, zorder=0)
    if field.floors[1] is not None:
        axis.axhline(field.floors[1], **FLOOR, zorder=0)


def _write_names(axis: Axes, field: Field) -> None:
    """Write the names of controls and joined points beside them: where they hide the fewest points and names."""
    canvas: Any = axis.figure.canvas  # Agg's
    renderer = canvas.get_renderer()
    whole = axis.get_window_extent(renderer)
    spots = [axis.transData.transform((dot.x, dot.y)) for dot in field.dots]
    taken = [(Bbox.from_extents(x - 8, y - 8, x + 8, y + 8), 2) for x, y in spots]
    for along, is_upright in zip(field.floors, (True, False), strict=True):
        if along is not None:
            x, y = axis.transData.transform((along, along))
            ends = (x, whole.y0, x + 1, whole.y1) if is_upright else (whole.x0, y, whole.x1, y + 1)
            taken.append((Bbox.from_extents(*ends), 1))
    for dot in (dot for dot in field.dots if dot.is_control or dot.is_joined):
        tried: list[tuple[int, int, Any, Bbox]] = []
        for x, y in product((1, -1, 0), (0, 1, -1)):
            if (x, y) == (0, 0):
                continue
            align: Any = {"ha": ["center", "left", "right"][x], "va": ["center", "bottom", "top"][y]}
            where: Any = {"xytext": (6 * x, 7 * y), "textcoords": "offset points", "fontsize": 7}
            text = axis.annotate(name_dot(dot), (dot.x, dot.y), **where, **align)
            box = text.get_window_extent(renderer)
            is_inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1 + 6
            hidden = sum(weight for other, weight in taken if box.overlaps(other))
            tried.append((hidden if is_inside else 100, len(tried), text, box))
        *others, best = sorted(tried, key=lambda entry: entry[:2], reverse=True)
        for entry in others:
            entry[2].remove()
        taken.append((best[3], 9))


def _list_handles(fields: list[Field], plane: Plane, styles: dict[tuple[str, str], DotStyle]) -> list[Any]:
    """Return the entries of the legend: labels, then what markers and lines mean."""
    sections = list_sections(fields)
    handles = []
    for label in list_labels_of(fields):
        own = [style for (_, name), style in styles.items() if name == label and style.marker != "x"]
        marker = own[0].marker if len({style.marker for style in own}) == 1 else "o"
        handles.append(
            make_handle(label, color=own[0].color, marker=marker, fillstyle=own[0].fill, markersize=5.5, ls="none")
        )
    for number, section in enumerate(sections if len(sections) > 1 else []):
        marker = list(MARKERS)[number % len(MARKERS)]
        handles.append(make_handle(section, color="black", marker=marker, fillstyle="none", markersize=5.5, ls="none"))
    if plane.best:
        handles.append(make_handle(BEST, **{**RING, "markersize": 8}))
    if plane.floor and any(floor is not None for field in fields for floor in field.floors):
        handles.append(make_handle(plane.floor.label, **FLOOR))
    return handles


def draw_plane(fields: list[Field], plane: Plane) -> str:
    """Draw the points as JSON of plotly: a name under the pointer, and a legend that switches a label's points."""
    if not fields:
        return dump_message(EMPTY)
    styles, labels, sections = style_dots(fields), list_labels_of(fields), list_sections(fields)
    traces: list[list[Any]] = [[] for _ in fields]
    places = [dot.x for field in fields for dot in field.dots]
    middle = (min(places) + max(places)) / 2
    for number, field in enumerate(fields):
        controls = [dot for dot in field.dots if dot.is_control]
        groups = [(label, [dot for dot in field.dots if dot.label == label and not dot.is_control]) for label in labels]
        for name, dots in (*groups, ("controls", controls)):
            if dots:
                trace = _draw_dots(name, dots, [styles[dot.section, dot.label] for dot in dots], middle)
                traces[number].append(trace)
        joined = [dot for dot in field.dots if dot.is_joined]
        if joined:
            color = styles[joined[0].section, joined[0].label].color
            path: Any = {"x": [dot.x for dot in joined], "y": [dot.y for dot in joined], "mode": "lines"}
            line = {"color": color, "width": 1}
            traces[number].append(go.Scatter(**path, line=line, hoverinfo="skip", showlegend=False))
        if plane.best and (best := field.list_best()):
            ring: Any = {"symbol": "circle-open", "size": 17, "color": NEUTRAL, "line": {"width": 1.5}}
            place: Any = {"x": [dot.x for dot in best], "y": [dot.y for dot in best], "mode": "markers"}
            traces[number].append(go.Scatter(**place, name=BEST, marker=ring, hoverinfo="skip"))
    for number, section in enumerate(sections if len(sections) > 1 else []):
        sign: Any = {"symbol": list(MARKERS.values())[number % len(MARKERS)] + "-open", "color": NEUTRAL, "size": 8}
        traces[0].append(go.Scatter(x=[None], y=[None], mode="markers", name=section, marker=sign))
    name = plane.floor.label if plane.floor else ""
    lines = [
        FloorLine(number, axis, at, name)
        for number, field in enumerate(fields)
        for axis, at in zip("xy", field.floors, strict=True)
        if at is not None
    ]
    arrangement = Arrangement(plane.x, plane.y, len(fields), 360)
    return dump_panels([field.title for field in fields], traces, arrangement, lines)


def _draw_dots(name: str, dots: list[Dot], styles: list[DotStyle], middle: float) -> go.Scatter:
    """Return the points of a label in one panel, or of all controls.

    Controls and joined points have their names beside them, on the side of the middle of x.
    """
    is_control, is_named = dots[0].is_control, dots[0].is_control or dots[0].is_joined
    symbols = ["x-thin" if is_control else MARKERS[style.marker] + FILLS[style.fill] for style in styles]
    look: Any = {"color": NEUTRAL if is_control else styles[0].color, "symbol": symbols, "size": 12 if is_named else 9}
    if is_control:
        look["line"] = {"width": 2, "color": NEUTRAL}
    bars = {
        f"error_{axis}": {"array": [getattr(dot, f"{axis}_std") for dot in dots], "thickness": 1}
        for axis in "xy"
        if any(getattr(dot, f"{axis}_std") for dot in dots)
    }
    names = [name_dot(dot) for dot in dots]
    sides = ["bottom left" if dot.x > middle else "top right" for dot in dots]
    shown: Any = {"mode": "markers+text" if is_named else "markers", "textposition": sides, "textfont": {"size": 10}}
    hover = "%{text}<br>%{x:.3~f}, %{y:.3~f}<extra></extra>"
    place: Any = {"x": [dot.x for dot in dots], "y": [dot.y for dot in dots], "text": names}
    return go.Scatter(**place, **shown, name=name, marker=look, hovertemplate=hover, **bars)
