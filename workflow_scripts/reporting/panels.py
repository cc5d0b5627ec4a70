"""Panels of plotly as JSON, arranged for a wide screen and for a narrow one.

The JSON has `data` and `layout`, and `narrow`: what a narrow screen puts in place of the same keys of the layout, whose
panels stand below each other there. Colors of text and ground are left to the page, which knows whether it is dark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

FLOOR = {"color": "#808080", "dash": "dot", "width": 1.2}
GROUND = "rgba(0,0,0,0)"
TITLE, TICKS, GAP = 26, 46, 50  # above a panel, below the last, and between two [pixels]
LETTER, ENTRY, ROW = 6.6, 46, 19  # of a legend: a letter, the sign beside a name, and a line [pixels]
WIDE, NARROW = 680, 340  # that legends are sure to have [pixels]
DIGITS = 5  # of numbers, significant


@dataclass(frozen=True)
class Arrangement:
    """How panels stand.

    x, y: labels of all axes. columns: panels beside each other. height: of a panel [pixels]. period: every so many-th
    panel has the same scale of y: 1 for all, the number of panels for none. ticks, scale: more of the axes x and y.
    ranges: of the axis y of panels that do not choose it themselves, by their number.
    """

    x: str
    y: str
    columns: int
    height: int = 300
    period: int = 1
    ticks: dict[str, Any] = field(default_factory=dict)
    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)
    scale: dict[str, Any] = field(default_factory=dict)

    def place(self, titles: Sequence[str], entries: list[str], width: int) -> dict[str, Any]:
        """Return the part of a layout that depends on the arrangement. entries: of the legend, which has a width."""
        rows = -(-len(titles) // self.columns)
        bottom, inside = TICKS + measure_legend(entries, width), rows * self.height + (rows - 1) * GAP
        apart = 0.035 if self.period == 1 else 0.09
        wide = (1 - apart * (self.columns - 1)) / self.columns
        layout: dict[str, Any] = {"annotations": [], "height": TITLE + inside + bottom}
        layout["margin"] = {"l": 52, "r": 10, "t": TITLE, "b": bottom}
        for number, title in enumerate(titles):
            row, column = divmod(number, self.columns)
            left, top = column * (wide + apart), 1 - row * (self.height + GAP) / inside
            is_last, is_first = number + self.columns >= len(titles), column == 0 or self.period > 1
            x = {"domain": [left, left + wide], "anchor": name_axis("y", number), "nticks": 5, **self.ticks}
            x |= {"showticklabels": is_last, "title": name_title(self.x if is_last else "")}
            is_named = column == 0 and (row == (rows - 1) // 2 or self.height > 200)
            y = {"domain": [top - self.height / inside, top], "anchor": name_axis("x", number), "nticks": 6}
            y |= {"range": self.ranges[number]} if number in self.ranges else {}
            y |= {"showticklabels": is_first, "title": name_title(self.y if is_named else ""), **self.scale}
            x |= {"matches": "x"} if number else {}
            y |= {"matches": name_axis("y", number % self.period)} if number >= self.period else {}
            suffix = name_axis("", number)
            layout |= {f"xaxis{suffix}": x, f"yaxis{suffix}": y}
            place = {"x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
            layout["annotations"].append({"text": title, "showarrow": False, "font": {"size": 12}, **place})
        below = {"x": 0, "xanchor": "left", "y": -TICKS / inside, "yanchor": "top"}
        return layout | {"legend": {"orientation": "h", "font": {"size": 11}, **below}}


@dataclass(frozen=True)
class FloorLine:
    """A dotted line across one panel: on which axis it stands, where, and its name in the legend."""

    panel: int
    axis: str
    at: float
    name: str


def name_title(text: str) -> dict[str, Any]:
    """Return the title of an axis."""
    return {"text": text, "standoff": 5, "font": {"size": 12}}


def name_axis(axis: str, number: int) -> str:
    """Return plotly's name of an axis of a panel, counted from 0."""
    return f"{axis}{number + 1}" if number else axis


def dump_panels(
    titles: Sequence[str],
    traces: Sequence[Iterable[Any]],
    arrangement: Arrangement,
    floors: Sequence[FloorLine] = (),
    **more: Any,
) -> str:
    """Return a figure of panels as JSON. traces: of each panel, of plotly. more: of the layout."""
    shown: set[str] = set()
    data = []
    for number, own in enumerate(traces):
        for trace in own:
            # A label stands once in the legend, and switches what is its in every panel; a band is in none.
            hidden = trace.showlegend is False or getattr(trace, "fill", None) == "toself" or trace.name in shown
            place = {"xaxis": name_axis("x", number), "yaxis": name_axis("y", number)}
            trace.update(showlegend=not hidden, legendgroup=trace.name, **place)
            shown |= set() if hidden else {trace.name}
            data.append(trace.to_plotly_json())
    layout: dict[str, Any] = {"paper_bgcolor": GROUND, "plot_bgcolor": GROUND, "hovermode": "closest"}
    layout |= {"dragmode": False, **more}  # so that a finger scrolls the page
    if floors:
        layout["shapes"] = [_draw_floor(floor, floors) for floor in floors]
        shown |= {floor.name for floor in floors}
    narrow = replace(arrangement, columns=2 if arrangement.columns > 3 else 1)
    layout |= arrangement.place(titles, list(shown), WIDE)
    return _dump(data, layout, narrow.place(titles, list(shown), NARROW))


def _draw_floor(floor: FloorLine, floors: Sequence[FloorLine]) -> dict[str, Any]:
    """Return the shape of a line. floors: all, of which the first of a name is in the legend."""
    along, across = ("x", "y") if floor.axis == "x" else ("y", "x")
    ends = {f"{along}0": floor.at, f"{along}1": floor.at, f"{across}0": 0, f"{across}1": 1}
    refs = {f"{along}ref": name_axis(along, floor.panel), f"{across}ref": f"{name_axis(across, floor.panel)} domain"}
    is_first = floor is next(other for other in floors if other.name == floor.name)
    legend = {"showlegend": is_first, "name": floor.name, "legendgroup": floor.name}
    return {"type": "line", "line": FLOOR, "layer": "below", **ends, **refs, **legend}


def measure_legend(entries: list[str], width: int) -> int:
    """Return the height of a legend, whose entries follow each other like words. Both in pixels."""
    rows, left = 1, width
    for entry in entries:
        own = round(ENTRY + LETTER * len(entry))
        rows, left = (rows, left - own) if own <= left else (rows + 1, width - own)
    return ROW * rows + 12


def dump_message(text: str) -> str:
    """Return a figure that only says why there is nothing to see."""
    hidden = {axis: {"visible": False} for axis in ("xaxis", "yaxis")}
    return _dump([], {"annotations": [{"text": text, "showarrow": False}], "height": 120, **hidden}, {})


def _dump(data: list[Any], layout: dict[str, Any], narrow: dict[str, Any]) -> str:
    """Return a figure as JSON, with the digits that one can see."""
    content = {"data": data, "layout": layout, "narrow": narrow}
    return json.dumps(_shorten(content), ensure_ascii=False, separators=(",", ":"))


def _shorten(value: Any) -> Any:
    """Return a value with its numbers rounded."""
    if isinstance(value, dict):
        return {key: _shorten(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(entry) for entry in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
