"""Stacked bars, with matplotlib and with plotly: how much of a whole each part has."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from workflow_scripts.reporting.figures.bars import Bar
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.interactive import lay_out_plot
from workflow_scripts.reporting.plots import COLORS, EMPTY, SETTINGS, add_caveat, draw_message

BAR = 0.3  # height of a bar with its distance to the next [inches]


def list_parts(panels: dict[str, list[Bar]]) -> list[str]:
    """Return the parts that some bar has, in the order of the columns."""
    parts = dict.fromkeys(part for bars in panels.values() for bar in bars for part in bar.parts)
    return [p for p in parts if any(bar.parts[p] is not None for bars in panels.values() for bar in bars)]


def plot_bars(panels: dict[str, list[Bar]], x: str, subject: Subject) -> Figure:
    """Draw the bars of each section in a panel, one below the other; one legend for all is at the bottom."""
    caveat = f"{subject.scope}: {subject.caveat}" if subject.caveat else subject.scope
    if not panels:
        return draw_message(EMPTY, [caveat])
    parts, counts = list_parts(panels), [len(bars) for bars in panels.values()]
    height = BAR * sum(counts) + 0.35 * len(panels) + 0.9
    grid: Any = {"squeeze": False, "sharex": True, "gridspec_kw": {"height_ratios": counts}}
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(panels), 1, figsize=(4.6, height), **grid)
        for axis, (title, bars) in zip(axes[:, 0], panels.items(), strict=True):
            for row, bar in enumerate(bars):
                lengths = [bar.parts[part] or 0.0 for part in parts]
                starts = accumulate(lengths, initial=0.0)
                for number, (length, start) in enumerate(zip(lengths, starts, strict=False)):
                    axis.barh(row, length, left=start, color=COLORS[number % len(COLORS)], height=0.7)
            axis.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=7.5)
            axis.set_ylim(len(bars) - 0.5, -0.5)  # the first on top, as in the table
            axis.set_title(title, loc="left", fontsize=9)
        axes[-1, 0].set_xlabel(x)
        handles = [plt.Rectangle((0, 0), 1, 1, color=COLORS[n % len(COLORS)]) for n in range(len(parts))]
        place: Any = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.25 / height)}
        figure.legend(handles, parts, ncols=min(4, len(parts)), fontsize=7.5, frameon=False, **place)
        add_caveat(figure, caveat, 0.55 / height)
    return figure


def draw_bars(panels: dict[str, list[Bar]], x: str) -> go.Figure:
    """Draw the bars of each section in a panel; a part stands once in the legend, and is switched in every panel."""
    if not panels:
        return lay_out_plot(go.Figure().add_annotation(text=EMPTY, showarrow=False), 1)
    space = {"vertical_spacing": 0.25 / len(panels), "shared_xaxes": "all"}
    figure = make_subplots(rows=len(panels), cols=1, subplot_titles=list(panels), **space)
    for number, part in enumerate(list_parts(panels)):
        for row, bars in enumerate(panels.values(), start=1):
            own = {"name": part, "legendgroup": part, "showlegend": row == 1, "orientation": "h"}
            lengths, labels = [bar.parts[part] for bar in bars], [bar.label for bar in bars]
            trace = go.Bar(x=lengths, y=labels, marker={"color": COLORS[number % len(COLORS)]}, **own)
            figure.add_trace(trace, row=row, col=1)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text=x, row=len(panels), col=1)
    figure.update_layout(barmode="stack")
    return lay_out_plot(figure, len(panels))
