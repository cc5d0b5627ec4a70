"""Curves of a table, and lines by step, with matplotlib: small panels with one legend below them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.drawing import (
    COLORS,
    DASHES,
    EMPTY,
    FLOOR,
    PUBLISHED_FLOOR,
    SETTINGS,
    capitalise,
    draw_message,
    finish_figure,
    make_handle,
    measure_legend,
)
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.curves import Curves, is_shown, place_columns
from workflow_scripts.reporting.figures.progress import Points
from workflow_scripts.reporting.layouts import Line

LEAST = 0.04
Styles = dict[str, tuple[str, str]]  # color and dash by label


def plot_curves(table: Table, curves: Curves, subject: Subject) -> Figure:
    """Draw a table's lines over its columns, a panel for each section, in a grid by families of variants."""
    view = table.view
    panels = curves.list_panels(view)
    if not panels:
        return draw_message(EMPTY, subject.about)
    columns = curves.choose_columns(panels)
    rows = -(-len(panels) // columns)
    floors, colors = curves.make_floors(table), color_lines(view.lines)
    handles = _list_handles(table, curves, floors, colors)
    width = max(4.2, (2.6 if rows > 1 else 3.6) * columns)
    height = (1.9 if rows > 1 else 2.8) * rows + measure_legend([handle.get_label() for handle in handles], width) + 0.5
    labels = [column.label for column in view.columns]
    with plt.rc_context(SETTINGS):
        grid: Any = {"squeeze": False, "sharex": True, "sharey": curves.scales != "own"}
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **grid)
        for axis, (section, family) in zip(axes.flat, panels, strict=False):
            for line, cells in zip(view.lines, table.cells, strict=True):
                if is_shown(line, section, family):
                    _draw_line(axis, cells, place_columns(labels), colors[line.label])
            if section in floors:
                axis.axhline(floors[section], **FLOOR)
            if section in view.floors and has_published(table, section):
                axis.axhline(view.floors[section], **PUBLISHED_FLOOR)
            title = f"{section}, {family}" if family else section
            axis.set_title(capitalise(title), loc="left", fontsize=8 if rows > 1 else 9)
            axis.set_xticks(place_columns(labels), labels)
        for axis in axes.flat:  # once all lines are drawn: panels may share a range
            axis.set_ylim(*widen_range(*axis.get_ylim()))
        _label_last(axes, len(panels), curves.x)
        _label_rows(axes, curves.y)
        finish_figure(figure, handles, subject.about)
    return figure


def color_lines(lines: list[Line]) -> dict[str, str]:
    """Return a color for each label of a table's lines."""
    labels = dict.fromkeys(line.label for line in lines)
    return {label: COLORS[number % len(COLORS)] for number, label in enumerate(labels)}


def has_published(table: Table, section: str | None = None, label: str | None = None) -> bool:
    """Tell whether anything is published of a table, of one of its sections, or of its lines of one label."""
    return any(
        cell.published is not None
        for line, cells in zip(table.view.lines, table.cells, strict=True)
        for cell in cells
        if section in (None, line.section) and label in (None, line.label)
    )


def _list_handles(table: Table, curves: Curves, floors: dict[str, float], colors: dict[str, str]) -> list[Any]:
    """Return the entries of the legend of curves."""
    handles = []
    for label, color in colors.items():
        published = has_published(table, label=label)
        name = f"{label}, measured" if published else label
        handles.append(make_handle(name, color=color, marker="o", markersize=4))
        if published:
            handles.append(make_handle(f"{label}, published", color=color, marker="x", markersize=5, ls="--"))
    if curves.floor and floors:
        published = bool(table.view.floors)
        handles.append(make_handle(curves.floor.label + (", on these data" if published else ""), **FLOOR))
        if published and has_published(table):
            handles.append(make_handle(f"{curves.floor.label}, on the published data", **PUBLISHED_FLOOR))
    return handles


def _draw_line(axis: Axes, cells: list[Cell], places: list[float], color: str) -> None:
    """Draw mean and standard deviation by column, and the published values where there are any; gaps are bridged."""
    measured = [(place, cell.mean, cell.std or 0.0) for place, cell in zip(places, cells, strict=True)]
    known = np.array([entry for entry in measured if entry[1] is not None]).reshape(-1, 3).astype(float)
    axis.plot(known[:, 0], known[:, 1], "o-", color=color, markersize=4)
    _draw_spread(axis, known[:, 0], known[:, 1], known[:, 2], color)
    published = [
        (place, cell.published) for place, cell in zip(places, cells, strict=True) if cell.published is not None
    ]
    if published:
        axis.plot(*zip(*published, strict=True), "x--", color=color, alpha=0.75, markersize=5, linewidth=1.2)


def _draw_spread(axis: Axes, places: Any, means: Any, spreads: Any, color: str) -> None:
    """Fill one standard deviation to both sides of a line, where there is any."""
    if np.any(spreads):
        axis.fill_between(places, means - spreads, means + spreads, color=color, alpha=0.2, linewidth=0)


def plot_progress(
    panels: dict[str, list[Points]], x: str, measures: int, subject: Subject | None, columns: int = 3, y: str = ""
) -> Figure:
    """Draw lines by level, in panels by title, with one legend for all.

    measures: how many different ones the panels show by turns; those of one have one scale. columns: at most, of panels
    of a single measure. subject: None for figures of no data set. y: the label of all panels. A label has one color
    throughout; dashes tell apart the labels that share one.
    """
    about = subject.about if subject else ""
    if not any(panels.values()):
        return draw_message(EMPTY, about)
    styles = style_labels(panels)
    columns = choose_columns(len(panels), measures, columns)
    rows = -(-len(panels) // columns)
    width = max(4.6, 2.4 * columns) if columns > 2 else 3.4 * columns
    height = (1.35 if columns > 3 else 1.9) * rows + measure_legend(list(styles), width) + 0.4
    with plt.rc_context(SETTINGS):
        grid: Any = {"squeeze": False, "sharex": True, "sharey": "col" if measures > 1 else True}
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **grid)
        for axis, (title, lines) in zip(axes.flat, panels.items(), strict=False):
            for line in lines:
                means, spread = np.array(line.means), np.array(line.stds)
                color, dash = styles[line.label]
                axis.plot(line.levels, means, dash, color=color, linewidth=1.2)
                _draw_spread(axis, line.levels, means, spread, color)
            axis.set_title(name_panel(title, lines), loc="left", fontsize=8)
            axis.xaxis.set_major_locator(MaxNLocator(4))
            if not lines:
                axis.set_axis_off()
        _label_last(axes, len(panels), x)
        _label_rows(axes, y)
        handles = [make_handle(name, color=color, ls=dash) for name, (color, dash) in styles.items()]
        finish_figure(figure, handles, about)
    return figure


def _label_last(axes: Any, count: int, x: str) -> None:
    """Label the axes below which there is no panel, and hide those that are none. count: of panels."""
    for place, axis in enumerate(axes.flat):
        axis.set_visible(place < count)
        if place < count <= place + axes.shape[1]:
            axis.set_xlabel(x)
            axis.xaxis.set_tick_params(labelbottom=True)


def _label_rows(axes: Any, y: str) -> None:
    """Label the first axis of each row; of many rows that of the middle one, for there is no room for more."""
    rows = range(len(axes)) if len(axes) < 3 else [(len(axes) - 1) // 2]
    for row in rows:
        axes[row, 0].set_ylabel(y)


def widen_range(low: float, high: float) -> tuple[float, float]:
    """Return a range that is no less than a share `LEAST` of what it shows: a hundredth of it should not look large."""
    missing = max(0.0, LEAST * max(abs(low), abs(high)) - (high - low))
    return low - missing / 2, high + missing / 2


def choose_columns(panels: int, measures: int, most: int = 3) -> int:
    """Return how many panels stand beside each other: all measures, or of a single one up to `most`."""
    return measures if measures > 1 else min(most, panels)


def name_panel(title: str, lines: list[Points]) -> str:
    """Return the title of a panel, which says so where there is nothing to see."""
    title = capitalise(title) if " " in title else title  # names of runs stay as they are
    return title if lines else f"{title}: not measured"


def style_labels(panels: dict[str, list[Points]]) -> Styles:
    """Return a color and a dash for each label of any panel."""
    labels = list(dict.fromkeys(line.label for lines in panels.values() for line in lines))
    count = len(COLORS)
    return {label: (COLORS[n % count], DASHES[n // count % len(DASHES)]) for n, label in enumerate(labels)}
