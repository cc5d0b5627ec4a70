"""Figures with matplotlib: curves of a table, and training curves. Deterministic bytes: no dates, fixed fonts, Agg."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from workflow_scripts.experiment.histories import locate_history, read_history
from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.curves import Curves
from workflow_scripts.reporting.figures.progress import Points
from workflow_scripts.reporting.layouts import Line, View
from workflow_scripts.support.files import atomic_path

# Okabe and Ito's palette, which color-blind readers can tell apart; its black is a grey here, seen on a dark page, too.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#737373"]
DASHES = ["-", "--", ":", "-."]
EMPTY = "No run of this experiment has what this figure shows."
SETTINGS: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "pdf.fonttype": 42}


def save_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as `<stem>.png` and `<stem>.pdf`, atomically and without a date, and close it."""
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with atomic_path(stem.with_name(f"{stem.name}.{ending}")) as temporary:
            figure.savefig(temporary, dpi=150, metadata=metadata, format=ending)
    plt.close(figure)


def plot_curves(table: Table, curves: Curves) -> Figure:
    """Draw a table's lines over its columns, a panel for each section, in a grid by families of variants."""
    view = table.view
    sections = list(dict.fromkeys(line.section for line in view.lines))
    families = list_panels(view, curves)
    floors = curves.make_floors(table)
    caveat = f"{view.place.scope}: {table.caveat}" if table.caveat else view.place.scope
    if not sections:
        return draw_message(EMPTY, [caveat])
    size = (3.1 * len(sections), 2.5 * len(families)) if len(families) > 1 else (4.2 * len(sections), 3.6)
    grid: Any = {"squeeze": False, "sharex": True, "sharey": curves.scales != "own"}
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(families), len(sections), figsize=size, **grid)
        for family, panels in zip(families, axes, strict=True):
            for axis, section in zip(panels, sections, strict=True):
                lines = zip(view.lines, table.cells, strict=True)
                own = [(line, cells) for line, cells in lines if is_shown(line, section, family)]
                _draw_panel(axis, own, [column.label for column in view.columns])
                if curves.floor and section in floors:
                    axis.axhline(floors[section], color="gray", linestyle=":", label=curves.floor.label)
                if family == families[0]:
                    axis.set_title(section[:1].upper() + section[1:], loc="left", fontsize=8)
            panels[0].set_ylabel(f"{curves.y}, {family}" if family else curves.y)
            (panels[-1] if len(families) > 1 else panels[0]).legend(fontsize=6, frameon=False)
        for axis in axes[-1]:
            axis.set_xlabel(curves.x)
        add_caveat(figure, caveat)
    return figure


def get_family(line: Line) -> str:
    """Return the letters that a line's variant begins with, "" without a variant."""
    found = re.match("[a-z]*", str(line.select.get("variant", "")))
    return found[0] if found else ""


def list_panels(view: View, curves: Curves) -> list[str]:
    """Return the families of variants, in their order, that have panels of their own, or [""]: one for all lines."""
    if curves.split != "variants":
        return [""]
    return [family for family in dict.fromkeys(map(get_family, view.lines)) if family] or [""]


def is_shown(line: Line, section: str, family: str) -> bool:
    """Tell whether a panel shows a line: of its section and family; lines without a variant stand in every family."""
    return line.section == section and (not family or get_family(line) in ("", family))


def _draw_panel(axis: Axes, lines: list[tuple[Line, list[Cell]]], labels: list[str]) -> None:
    """Draw lines: mean and standard deviation by column, and the published values where there are any."""
    positions = np.arange(len(labels))
    for number, (line, cells) in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        means = np.array([np.nan if cell.mean is None else cell.mean for cell in cells])
        spread = np.array([cell.std or 0.0 for cell in cells])
        published = [cell.published for cell in cells]
        has_published = any(value is not None for value in published)
        axis.plot(positions, means, "o-", color=color, label=f"{line.label}, measured" if has_published else line.label)
        axis.fill_between(positions, means - spread, means + spread, color=color, alpha=0.2, linewidth=0)
        if has_published:
            values = [np.nan if value is None else value for value in published]
            axis.plot(positions, values, "x--", color=color, alpha=0.7, label=f"{line.label}, published")
    axis.set_xticks(positions, labels)


def plot_progress(panels: dict[str, list[Points]], x: str, subject: Subject) -> Figure:
    """Draw lines by level, a panel below the other, by title: narrow, so that it is legible on a phone.

    One legend for all is below them. A label has one color throughout; dashes tell apart the labels that share one.
    """
    caveat = f"{subject.scope}: {subject.caveat}" if subject.caveat else subject.scope
    if not panels:
        return draw_message(EMPTY, [caveat])
    styles = style_labels(panels)
    legend, height = 0.17 * -(-len(styles) // 2) + 0.1, 2.3 * len(panels) + 0.4  # inches
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(panels), 1, figsize=(4.6, height + legend + 0.35), squeeze=False, sharex=True)
        for axis, (title, lines) in zip(axes[:, 0], panels.items(), strict=True):
            for line in lines:
                means, spread = np.array(line.means), np.array(line.stds)
                axis.plot(line.levels, means, styles[line.label][1], color=styles[line.label][0], linewidth=1.2)
                band = {"color": styles[line.label][0], "alpha": 0.2, "linewidth": 0}
                axis.fill_between(line.levels, means - spread, means + spread, **band)
            axis.set_title(title, loc="left", fontsize=9)
        axes[-1, 0].set_xlabel(x)
        axes[-1, 0].xaxis.set_major_locator(MaxNLocator(5))
        handles = [Line2D([], [], color=color, ls=dash, label=label) for label, (color, dash) in styles.items()]
        place: Any = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.3 / figure.get_figheight())}
        figure.legend(handles=handles, ncols=2, fontsize=7.5, frameon=False, handlelength=2.6, **place)
        add_caveat(figure, caveat, (legend + 0.35) / figure.get_figheight())
    return figure


def style_labels(panels: dict[str, list[Points]]) -> dict[str, tuple[str, str]]:
    """Return a color and a dash for each label of any panel."""
    labels = list(dict.fromkeys(line.label for lines in panels.values() for line in lines))
    count = len(COLORS)
    return {label: (COLORS[n % count], DASHES[n // count % len(DASHES)]) for n, label in enumerate(labels)}


def add_caveat(figure: Figure, text: str, bottom: float = 0.07) -> None:
    """Lay a figure out above its lowest part, a share `bottom` of its height, and write there what its data are."""
    figure.tight_layout(rect=(0, bottom, 1, 1))
    figure.text(0.01, 0.015, text, fontsize=6.5, color="dimgray", wrap=True)


def draw_message(text: str, notes: list[str]) -> Figure:
    """Draw a figure that only says why there is nothing to see."""
    with plt.rc_context(SETTINGS):
        figure = plt.figure(figsize=(8, 1.8))
        figure.text(0.5, 0.65, text, ha="center", va="center", wrap=True)
        add_caveat(figure, " ".join(notes))
    return figure


def plot_histories(runs: list[Path]) -> Figure:
    """Draw the loss of every run that has a history, by step, relative to its first entry. runs: folders."""
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(6.4, 3.6))
        names: dict[str, str] = {}
        for path in map(locate_history, runs):
            if not (entries := read_history(path)):
                continue
            name = path.parts[-4]
            label = None if name in names else name
            color = names.setdefault(name, COLORS[len(names) % len(COLORS)])
            losses = np.array([entry["loss"] for entry in entries])
            axis.plot([entry["step"] for entry in entries], losses / losses[0], color=color, label=label, linewidth=1)
        axis.set_xlabel("Step")
        axis.set_ylabel("Loss / first logged loss")
        if names:
            axis.legend(fontsize=7, frameon=False)
        figure.tight_layout()
    return figure
