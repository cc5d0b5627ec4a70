"""Curves of a table, and training curves, as plotly figures: values under the pointer, lines that one can switch."""

from __future__ import annotations

from pathlib import Path

from plotly import graph_objects as go
from plotly.subplots import make_subplots

from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.figures.curves import Curves
from workflow_scripts.reporting.figures.progress import Points
from workflow_scripts.reporting.layouts import Line
from workflow_scripts.reporting.plots import COLORS, EMPTY, is_shown, list_panels, style_labels

DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}  # matplotlib's names, and plotly's
TOP, PANEL, BOTTOM = 40, 320, 120  # pixels


def draw_curves(table: Table, curves: Curves) -> go.Figure:
    """Draw a table's lines over its columns, a panel for each section; published values dashed."""
    view = table.view
    sections = list(dict.fromkeys(line.section for line in view.lines))
    panels = [(section, family) for family in list_panels(view, curves) for section in sections]
    if not panels:
        return lay_out_plot(go.Figure().add_annotation(text=EMPTY, showarrow=False), 1)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        subplot_titles=[f"{section}, {family}" if family else section for section, family in panels],
        vertical_spacing=0.25 / len(panels),
        shared_yaxes="all" if curves.scales != "own" else False,
    )
    floors = curves.make_floors(table)
    columns = [column.label for column in view.columns]
    labels = list(dict.fromkeys(line.label for line in view.lines))
    for number, (section, family) in enumerate(panels, start=1):
        for line, cells in zip(view.lines, table.cells, strict=True):
            if is_shown(line, section, family):
                for trace in _draw_line(columns, line, cells, COLORS[labels.index(line.label) % len(COLORS)]):
                    figure.add_trace(trace, row=number, col=1)
        if curves.floor and section in floors:
            floor = {"x": columns, "y": [floors[section]] * len(columns), "name": curves.floor.label}
            dotted = {"color": "gray", "dash": "dot"}
            figure.add_trace(go.Scatter(**floor, mode="lines", line=dotted), row=number, col=1)
    # A label stands once in the legend, and switches its lines in every panel.
    shown: set[str] = set()
    for trace in figure.data:
        trace.update(showlegend=trace.name not in shown, legendgroup=trace.name)
        shown.add(trace.name)
    figure.update_xaxes(type="category")
    figure.update_xaxes(title_text=curves.x, row=len(panels), col=1)
    figure.update_yaxes(title_text=curves.y)
    return lay_out_plot(figure, len(panels))


def _draw_line(columns: list[str], line: Line, cells: list[Cell], color: str) -> list[go.Scatter]:
    """Return the traces of a line: what was measured, and what was published, if anything."""
    spread = [cell.std for cell in cells]
    bars = {"type": "data", "array": spread, "visible": any(value is not None for value in spread)}
    style = {"color": color}
    traces = [go.Scatter(x=columns, y=[cell.mean for cell in cells], name=line.label, line=style, error_y=bars)]
    if any(cell.published is not None for cell in cells):
        published = [cell.published for cell in cells]
        dashed = {"color": color, "dash": "dash"}
        traces.append(go.Scatter(x=columns, y=published, name=f"{line.label}, published", line=dashed, opacity=0.7))
    return traces


def draw_progress(panels: dict[str, list[Points]], x: str) -> go.Figure:
    """Draw lines by level, a panel below the other, by title; one standard deviation around a line as a band."""
    if not panels:
        return lay_out_plot(go.Figure().add_annotation(text=EMPTY, showarrow=False), 1)
    space = {"vertical_spacing": 0.25 / len(panels), "shared_xaxes": "all"}
    figure = make_subplots(rows=len(panels), cols=1, subplot_titles=list(panels), **space)
    styles = style_labels(panels)
    shown: set[str] = set()
    for number, lines in enumerate(panels.values(), start=1):
        for line in lines:
            own = {"name": line.label, "legendgroup": line.label, "mode": "lines"}
            color, dash = styles[line.label]
            if any(line.stds):
                figure.add_trace(_draw_band(line, color, own), row=number, col=1)
            style = {"color": color, "dash": DASHES[dash], "width": 1.5}
            means = go.Scatter(x=line.levels, y=line.means, line=style, showlegend=line.label not in shown, **own)
            figure.add_trace(means, row=number, col=1)
            shown.add(line.label)
    figure.update_xaxes(title_text=x, row=len(panels), col=1)
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    figure = lay_out_plot(figure, len(panels))
    # On a phone two labels stand side by side.
    bottom = 60 + 20 * -(-len(styles) // 2)
    figure.update_layout(height=TOP + PANEL * len(panels) + bottom, margin_b=bottom)
    return figure.update_layout(legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "font": {"size": 11}})


def _draw_band(line: Points, color: str, own: dict[str, str]) -> go.Scatter:
    """Return what fills a line's spread: above it from left to right, and back below it."""
    above = [mean + std for mean, std in zip(line.means, line.stds, strict=True)]
    below = [mean - std for mean, std in zip(line.means, line.stds, strict=True)]
    fill = {"fill": "toself", "fillcolor": color, "opacity": 0.2, "line": {"width": 0}, "hoverinfo": "skip"}
    return go.Scatter(x=[*line.levels, *line.levels[::-1]], y=[*above, *below[::-1]], showlegend=False, **fill, **own)


def draw_histories(runs: list[Path]) -> go.Figure:
    """Draw the loss of every run that has a history, by step, relative to its first entry. runs: folders."""
    figure = go.Figure()
    for number, path in enumerate(map(locate_history, runs)):
        if entries := read_history(path):
            losses = [entry["loss"] / entries[0]["loss"] for entry in entries]
            name = " ".join(path.parts[-5:-2])
            line = {"color": COLORS[number % len(COLORS)], "width": 1.5}
            figure.add_trace(go.Scatter(x=[entry["step"] for entry in entries], y=losses, name=name, line=line))
    figure.update_xaxes(title_text="Step")
    figure.update_yaxes(title_text="Loss / first logged loss")
    return lay_out_plot(figure, 1)


def lay_out_plot(figure: go.Figure, panels: int) -> go.Figure:
    """Leave colors of text and ground to the page, which knows whether it is dark."""
    figure.update_layout(
        template="none",
        height=TOP + PANEL * panels + BOTTOM,
        margin={"l": 60, "r": 10, "t": TOP, "b": BOTTOM},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": -0.24 / panels},
        hovermode="closest",
    )
    return figure
