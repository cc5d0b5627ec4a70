"""The curves of a view, and training curves, as plotly figures: values under the pointer, lines that one can switch."""

from __future__ import annotations

from pathlib import Path

from plotly import graph_objects as go
from plotly.subplots import make_subplots

from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.layouts import Row
from workflow_scripts.reporting.plots import COLORS, EMPTY, is_shown, list_panels
from workflow_scripts.reporting.times import read_history

TOP, PANEL, BOTTOM = 40, 320, 120  # pixels


def draw_curves(table: Table) -> go.Figure:
    """Draw a view's rows as lines over its columns, a panel for each section; published values dashed."""
    view = table.view
    spec = view.figure or {}
    sections = list(dict.fromkeys(row.section for row in view.rows))
    panels = [(section, family) for family in list_panels(view) for section in sections]
    if not panels:
        return _lay_out(go.Figure().add_annotation(text=EMPTY, showarrow=False), 1)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        subplot_titles=[f"{section}, {family}" if family else section for section, family in panels],
        vertical_spacing=0.25 / len(panels),
        shared_yaxes="all" if spec.get("scales") != "own" else False,
    )
    labels = list(dict.fromkeys(row.label for row in view.rows))
    for number, (section, family) in enumerate(panels, start=1):
        for row, cells in zip(view.rows, table.cells, strict=True):
            if is_shown(row, section, family):
                for line in _draw_lines(table, row, cells, COLORS[labels.index(row.label) % len(COLORS)]):
                    figure.add_trace(line, row=number, col=1)
        if section in table.floors:
            columns = [column.label for column in view.columns]
            floor = {"x": columns, "y": [table.floors[section]] * len(columns), "name": "constant predictor"}
            dotted = {"color": "gray", "dash": "dot"}
            figure.add_trace(go.Scatter(**floor, mode="lines", line=dotted), row=number, col=1)
    # A label stands once in the legend, and switches its lines in every panel.
    shown: set[str] = set()
    for line in figure.data:
        line.update(showlegend=line.name not in shown, legendgroup=line.name)
        shown.add(line.name)
    figure.update_xaxes(type="category")
    figure.update_xaxes(title_text=spec.get("x"), row=len(panels), col=1)
    figure.update_yaxes(title_text=spec.get("y"))
    return _lay_out(figure, len(panels))


def _draw_lines(table: Table, row: Row, cells: list[Cell], color: str) -> list[go.Scatter]:
    columns = [column.label for column in table.view.columns]
    spread = [cell.std for cell in cells]
    bars = {"type": "data", "array": spread, "visible": any(value is not None for value in spread)}
    line = {"color": color}
    lines = [go.Scatter(x=columns, y=[cell.mean for cell in cells], name=row.label, line=line, error_y=bars)]
    if any(cell.published is not None for cell in cells):
        published = [cell.published for cell in cells]
        dashed = {"color": color, "dash": "dash"}
        lines.append(go.Scatter(x=columns, y=published, name=f"{row.label}, published", line=dashed, opacity=0.7))
    return lines


def draw_histories(histories: list[Path]) -> go.Figure:
    """Draw the loss of every run that has a history, by step, relative to its first entry."""
    figure = go.Figure()
    for number, path in enumerate(histories):
        if entries := read_history(path):
            losses = [entry["loss"] / entries[0]["loss"] for entry in entries]
            name = " ".join(path.parts[-5:-2])
            line = {"color": COLORS[number % len(COLORS)], "width": 1.5}
            figure.add_trace(go.Scatter(x=[entry["step"] for entry in entries], y=losses, name=name, line=line))
    figure.update_xaxes(title_text="Step")
    figure.update_yaxes(title_text="Loss / first logged loss")
    return _lay_out(figure, 1)


def _lay_out(figure: go.Figure, panels: int) -> go.Figure:
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
