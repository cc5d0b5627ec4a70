"""Points in a plane, with matplotlib and with plotly: what each line of a table has of two things."""

from __future__ import annotations

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from plotly import graph_objects as go

from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.plane import Dot, Plane
from workflow_scripts.reporting.interactive import lay_out_plot
from workflow_scripts.reporting.plots import COLORS, EMPTY, SETTINGS, add_caveat, draw_message

MARKERS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"}
Floors = tuple[float | None, float | None]  # along x, along y


def style_dots(dots: list[Dot]) -> list[tuple[str, str, str, bool]]:
    """Return each point's name in the legend, its color, its marker, which is its section's, and whether it is hollow.

    Of a section with more points than there are colors, those that have a color for the second time are.
    """
    sections = list(dict.fromkeys(dot.section for dot in dots))
    markers, styles = list(MARKERS), []
    for dot in dots:
        own = [other for other in dots if other.section == dot.section]
        marker = markers[sections.index(dot.section) % len(markers)]
        turn, color = divmod(own.index(dot), len(COLORS))
        styles.append((f"{dot.section}: {dot.label}", COLORS[color], marker, turn % 2 == 1))
    return styles


def plot_plane(dots: list[Dot], floors: Floors, plane: Plane, subject: Subject) -> Figure:
    """Draw the points with one standard deviation around each, and a legend below: legible on a phone."""
    caveat = f"{subject.scope}: {subject.caveat}" if subject.caveat else subject.scope
    if not dots:
        return draw_message(EMPTY, [caveat])
    legend = 0.17 * -(-len(dots) // 2) + 0.1  # inches
    height = 3.4 + legend + 0.35
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(4.6, height))
        for dot, (name, color, marker, hollow) in zip(dots, style_dots(dots), strict=True):
            inside = "none" if hollow else color
            bars: Any = {"xerr": dot.x_std or None, "yerr": dot.y_std or None, "elinewidth": 0.8}
            look: Any = {"fmt": marker, "color": color, "markerfacecolor": inside, "markersize": 5, "alpha": 0.85}
            axis.errorbar(dot.x, dot.y, label=name, **look, **bars)
        style: Any = {"color": "gray", "linestyle": ":", "linewidth": 1}
        if floors[0] is not None:
            axis.axvline(floors[0], **style)
        if floors[1] is not None:
            axis.axhline(floors[1], **style)
        axis.set_xlabel(plane.x)
        axis.set_ylabel(plane.y)
        place: Any = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.3 / height)}
        handles, names = axis.get_legend_handles_labels()
        figure.legend(handles, names, ncols=2, fontsize=6, frameon=False, **place)
        note = f" Dotted: {plane.floor.label}." if plane.floor and floors != (None, None) else ""
        add_caveat(figure, f"{caveat.rstrip('.')}.{note}", (legend + 0.35) / height)
    return figure


def draw_plane(dots: list[Dot], floors: Floors, plane: Plane) -> go.Figure:
    """Draw the points; a name under the pointer, and in a legend that switches it."""
    figure = go.Figure()
    if not dots:
        return lay_out_plot(figure.add_annotation(text=EMPTY, showarrow=False), 1)
    for dot, (name, color, marker, hollow) in zip(dots, style_dots(dots), strict=True):
        bars = {
            "error_x": {"array": [dot.x_std], "visible": dot.x_std > 0, "thickness": 1},
            "error_y": {"array": [dot.y_std], "visible": dot.y_std > 0, "thickness": 1},
        }
        look = {"color": color, "symbol": MARKERS[marker] + "-open" * hollow, "size": 9}
        figure.add_trace(go.Scatter(x=[dot.x], y=[dot.y], mode="markers", name=name, marker=look, **bars))
    if floors[0] is not None:
        figure.add_vline(floors[0], line_dash="dot", line_color="gray")
    if floors[1] is not None:
        figure.add_hline(floors[1], line_dash="dot", line_color="gray")
    figure.update_xaxes(title_text=plane.x)
    figure.update_yaxes(title_text=plane.y)
    figure = lay_out_plot(figure, 1)
    bottom = 60 + 20 * len(dots)
    figure.update_layout(height=400 + bottom, margin_b=bottom)
    return figure.update_layout(legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "font": {"size": 11}})
