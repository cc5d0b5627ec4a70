"""Curves of a table, and lines by step, with plotly: values under the pointer, lines that one can switch."""

from __future__ import annotations

from typing import Any

from plotly import graph_objects as go

from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.drawing import EMPTY, capitalise
from workflow_scripts.reporting.figures.curves import Curves, is_shown, place_columns
from workflow_scripts.reporting.figures.progress import Points
from workflow_scripts.reporting.layouts import Line
from workflow_scripts.reporting.panels import FLOOR, Arrangement, dump_message, dump_panels
from workflow_scripts.reporting.plots import choose_columns, color_lines, name_panel, style_labels, widen_range

DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}  # matplotlib's names, and plotly's
PUBLISHED_FLOOR = {**FLOOR, "dash": "dashdot"}


def draw_curves(table: Table, curves: Curves) -> str:
    """Draw a table's lines over its columns, a panel for each section; published values dashed."""
    view = table.view
    panels = curves.list_panels(view)
    if not panels or not view.columns:
        return dump_message(EMPTY)
    floors, colors = curves.make_floors(table), color_lines(view.lines)
    labels = [column.label for column in view.columns]
    places = place_columns(labels)
    traces: list[list[Any]] = []
    for section, family in panels:
        own = []
        for line, cells in zip(view.lines, table.cells, strict=True):
            if is_shown(line, section, family):
                own += _draw_line(labels, places, line, cells, colors[line.label], curves.x)
        ends: dict[str, Any] = {"x": [places[0], places[-1]], "mode": "lines", "hovertemplate": "%{y:.3~f}"}
        if curves.floor and section in floors:
            name = curves.floor.label + (", on these data" if view.floors else "")
            own.append(go.Scatter(**ends, y=[floors[section]] * 2, name=name, line=FLOOR))
        if curves.floor and section in view.floors and any(trace.name.endswith(", published") for trace in own):
            name = f"{curves.floor.label}, on the published data"
            own.append(go.Scatter(**ends, y=[view.floors[section]] * 2, name=name, line=PUBLISHED_FLOOR))
        traces.append(own)
    titles = [capitalise(f"{section}, {family}" if family else section) for section, family in panels]
    return dump_panels(
        titles,
        traces,
        Arrangement(
            curves.x,
            curves.y,
            curves.choose_columns(panels),
            period=len(panels) if curves.scales == "own" else 1,
            ranges=dict(enumerate(map(_find_range, traces))) if curves.scales == "own" else {},
            ticks={"tickvals": places, "ticktext": labels},
        ),
    )


def _find_range(traces: list[Any]) -> tuple[float, float]:
    """Return what an axis y shows of these traces, with a margin."""
    values = [value for trace in traces for value in trace.y] or [0.0]
    margin = 0.06 * (max(values) - min(values)) + max((max(trace.error_y.array or [0]) for trace in traces), default=0)
    return widen_range(min(values) - margin, max(values) + margin)


def _draw_line(
    labels: list[str], places: list[float], line: Line, cells: list[Cell], color: str, x: str
) -> list[go.Scatter]:
    """Return the traces of a line: what was measured, and what was published, if anything; gaps are bridged."""
    known = [n for n, cell in enumerate(cells) if cell.mean is not None]
    spread = [cells[n].std for n in known]
    bars = {"error_y": {"array": spread, "thickness": 1}} if any(spread) else {}
    style = {"x": [places[n] for n in known], "text": [labels[n] for n in known], "mode": "lines+markers"}
    hover = f"{x} %{{text}}: %{{y:.3~f}}"
    means = [cells[n].mean for n in known]
    traces = [go.Scatter(**style, y=means, name=line.label, line={"color": color}, hovertemplate=hover, **bars)]
    printed = [n for n, cell in enumerate(cells) if cell.published is not None]
    if printed:
        style |= {"x": [places[n] for n in printed], "text": [labels[n] for n in printed]}
        look: dict[str, Any] = {"line": {"color": color, "dash": "dash", "width": 1.2}, "opacity": 0.8}
        look["marker"] = {"symbol": "x-thin", "line": {"width": 1.5, "color": color}}
        values = [cells[n].published for n in printed]
        traces.append(go.Scatter(**style, y=values, name=f"{line.label}, published", hovertemplate=hover, **look))
    return traces


def draw_progress(panels: dict[str, list[Points]], x: str, measures: int, most: int = 3, y: str = "") -> str:
    """Draw lines by level, in panels by title; one standard deviation around a line as a band.

    measures, most, y: see `plots.plot_progress`, whose `columns` is `most`.
    """
    if not any(panels.values()):
        return dump_message(EMPTY)
    styles = style_labels(panels)
    traces: list[list[Any]] = []
    for lines in panels.values():
        own = []
        for line in lines:
            color, dash = styles[line.label]
            named = {"name": line.label, "mode": "lines"}
            if any(line.stds):
                own.append(_draw_band(line, color, named))
            style = {"color": color, "dash": DASHES[dash], "width": 1.5}
            own.append(go.Scatter(x=line.levels, y=line.means, line=style, **named))
        traces.append(own)
    titles = [name_panel(title, lines) for title, lines in panels.items()]
    columns = choose_columns(len(panels), measures, most)
    return dump_panels(titles, traces, Arrangement(x, y, columns, 150 if most > 3 else 230, period=measures))


def _draw_band(line: Points, color: str, own: dict[str, str]) -> go.Scatter:
    """Return what fills a line's spread: above it from left to right, and back below it."""
    above = [mean + std for mean, std in zip(line.means, line.stds, strict=True)]
    below = [mean - std for mean, std in zip(line.means, line.stds, strict=True)]
    fill = {"fill": "toself", "fillcolor": color, "opacity": 0.2, "line": {"width": 0}, "hoverinfo": "skip"}
    return go.Scatter(x=[*line.levels, *line.levels[::-1]], y=[*above, *below[::-1]], **fill, **own)
