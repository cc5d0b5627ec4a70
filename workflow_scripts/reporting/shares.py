"""Stacked bars, with matplotlib and with plotly: how much of a whole each part has."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from plotly import graph_objects as go

from workflow_scripts.reporting.drawing import (
    COLORS,
    EMPTY,
    SETTINGS,
    capitalise,
    draw_message,
    finish_figure,
    measure_legend,
)
from workflow_scripts.reporting.figures.bars import StackedBar
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.panels import Arrangement, dump_message, dump_panels

BAR = 0.3  # height of a bar with its distance to the next [inches]
ERROR = "#404040"  # of whiskers, which stand on bars of any color


def list_parts(panels: dict[str, list[StackedBar]]) -> list[str]:
    """Return the parts that some bar has, in the order of the columns."""
    parts = dict.fromkeys(part for bars in panels.values() for bar in bars for part in bar.parts)
    return [p for p in parts if any(bar.parts[p] is not None for bars in panels.values() for bar in bars)]


def plot_bars(panels: dict[str, list[StackedBar]], x: str, subject: Subject) -> Figure:
    """Draw the bars of each section in a panel, one below the other; one legend for all is at the bottom.

    A whisker at the end of a part is one standard deviation of its length.
    """
    if not panels:
        return draw_message(EMPTY, subject.about)
    parts, counts = list_parts(panels), [len(bars) for bars in panels.values()]
    height = BAR * sum(counts) + 0.35 * len(panels) + measure_legend(parts, 4.6) + 0.6
    grid: Any = {"squeeze": False, "sharex": True, "gridspec_kw": {"height_ratios": counts}}
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(panels), 1, figsize=(4.6, height), layout="constrained", **grid)
        for axis, (title, bars) in zip(axes[:, 0], panels.items(), strict=True):
            for row, bar in enumerate(bars):
                lengths = [bar.parts[part] or 0.0 for part in parts]
                starts = accumulate(lengths, initial=0.0)
                for number, (part, length, start) in enumerate(zip(parts, lengths, starts, strict=False)):
                    look: Any = {"color": COLORS[number % len(COLORS)], "height": 0.7}
                    whisker: Any = {"elinewidth": 0.8, "capsize": 2, "ecolor": ERROR}
                    axis.barh(row, length, left=start, xerr=bar.spreads[part] or None, error_kw=whisker, **look)
            axis.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=7.5)
            axis.set_ylim(len(bars) - 0.5, -0.5)  # the first on top, as in the table
            axis.set_title(capitalise(title), loc="left", fontsize=9)
        axes[-1, 0].set_xlabel(x)
        handles = [Patch(color=COLORS[n % len(COLORS)], label=part) for n, part in enumerate(parts)]
        finish_figure(figure, handles, subject.about)
    return figure


def draw_bars(panels: dict[str, list[StackedBar]], x: str) -> str:
    """Draw the bars of each section in a panel; a part stands once in the legend, and is switched in every panel."""
    if not panels:
        return dump_message(EMPTY)
    traces: list[list[Any]] = [[] for _ in panels]
    for number, part in enumerate(list_parts(panels)):
        for row, bars in enumerate(panels.values()):
            lengths, labels = [bar.parts[part] for bar in bars], [bar.label for bar in bars]
            look: Any = {"orientation": "h", "marker": {"color": COLORS[number % len(COLORS)]}}
            traces[row].append(go.Bar(x=lengths, y=labels, name=part, **look))
    for row, bars in enumerate(panels.values()):
        traces[row] += [_draw_whiskers(bar) for bar in bars if any(bar.spreads.values())]
    height = 40 + 26 * max(map(len, panels.values()))
    scale = {"autorange": "reversed", "automargin": True}  # the first on top
    arrangement = Arrangement(x, "", 1, height, period=len(panels), scale=scale)
    return dump_panels(list(map(capitalise, panels)), traces, arrangement, barmode="stack")


def _draw_whiskers(bar: StackedBar) -> go.Scatter:
    """Return one standard deviation at the end of each part: drawn after all parts, which would cover it."""
    lengths = [length or 0.0 for length in bar.parts.values()]
    error = {"array": [spread or 0.0 for spread in bar.spreads.values()], "thickness": 1, "color": ERROR, "width": 2}
    hidden: Any = {"mode": "markers", "marker": {"opacity": 0}, "hoverinfo": "skip", "showlegend": False}
    return go.Scatter(x=list(accumulate(lengths)), y=[bar.label] * len(lengths), error_x=error, **hidden)
