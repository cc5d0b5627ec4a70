"""Figures: curves of a view, and training curves. Deterministic bytes: no dates, fixed fonts, Agg."""

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

from workflow_scripts.reporting.cells import Table
from workflow_scripts.reporting.layouts import Row, View
from workflow_scripts.reporting.times import read_history
from workflow_scripts.support.files import atomic_path

# Okabe and Ito's palette, which color-blind readers can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
EMPTY = "No run of this experiment has what this figure shows."
SETTINGS: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "pdf.fonttype": 42}


def save_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as `<stem>.png` and `<stem>.pdf`, atomically and without a date, and close it."""
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with atomic_path(stem.with_name(f"{stem.name}.{ending}")) as temporary:
            figure.savefig(temporary, dpi=150, metadata=metadata, format=ending)
    plt.close(figure)


def plot_curves(table: Table) -> Figure:
    """Draw a view's rows as lines over its columns, a panel for each section; published values dashed.

    With `split: variants`, panels stand in a grid: sections by families of variants (`mask50` is of the family
    `mask`), each beside the run without a variant.
    """
    view = table.view
    spec = view.figure or {}
    sections = list(dict.fromkeys(row.section for row in view.rows))
    families = list_panels(view)
    caveat = f"{view.scope}: {table.caveat}" if table.caveat else view.scope
    if not sections:
        return draw_message(EMPTY, [caveat])
    size = (3.1 * len(sections), 2.5 * len(families)) if len(families) > 1 else (4.2 * len(sections), 3.6)
    grid: Any = {"squeeze": False, "sharex": True, "sharey": spec.get("scales") != "own"}
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(families), len(sections), figsize=size, **grid)
        for family, panels in zip(families, axes, strict=True):
            for axis, section in zip(panels, sections, strict=True):
                own = [is_shown(row, section, family) for row in view.rows]
                _draw_panel(axis, table, own)
                if section in table.floors:
                    axis.axhline(table.floors[section], color="gray", linestyle=":", label="constant predictor")
                if family == families[0]:
                    axis.set_title(section[:1].upper() + section[1:], loc="left", fontsize=8)
            panels[0].set_ylabel(f"{spec['y']}, {family}" if family else spec["y"])
            (panels[-1] if len(families) > 1 else panels[0]).legend(fontsize=6, frameon=False)
        for axis in axes[-1]:
            axis.set_xlabel(spec["x"])
        add_caveat(figure, caveat)
    return figure


def get_family(row: Row) -> str:
    """Return the letters that a row's variant begins with, "" without a variant."""
    found = re.match("[a-z]*", str(row.select.get("variant", "")))
    return found[0] if found else ""


def list_panels(view: View) -> list[str]:
    """Return the families of variants, in their order, that have panels of their own, or [""]: one for all rows."""
    if (view.figure or {}).get("split") != "variants":
        return [""]
    return [family for family in dict.fromkeys(map(get_family, view.rows)) if family] or [""]


def is_shown(row: Row, section: str, family: str) -> bool:
    """Tell whether a panel shows a row: of its section and family; rows without a variant stand in every family."""
    return row.section == section and (not family or get_family(row) in ("", family))


def _draw_panel(axis: Axes, table: Table, own: list[bool]) -> None:
    """Draw the chosen rows: mean and standard deviation by column, and the published values where there are any."""
    positions = np.arange(len(table.view.columns))
    lines = [line for line, chosen in zip(zip(table.view.rows, table.cells, strict=True), own, strict=True) if chosen]
    for number, (row, cells) in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        means = np.array([np.nan if cell.mean is None else cell.mean for cell in cells])
        spread = np.array([cell.std or 0.0 for cell in cells])
        published = [cell.published for cell in cells]
        has_published = any(value is not None for value in published)
        axis.plot(positions, means, "o-", color=color, label=f"{row.label}, measured" if has_published else row.label)
        axis.fill_between(positions, means - spread, means + spread, color=color, alpha=0.2, linewidth=0)
        if has_published:
            values = [np.nan if value is None else value for value in published]
            axis.plot(positions, values, "x--", color=color, alpha=0.7, label=f"{row.label}, published")
    axis.set_xticks(positions, [column.label for column in table.view.columns])


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


def plot_histories(histories: list[Path]) -> Figure:
    """Draw the loss of every run that has a history, by step, relative to its first entry."""
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(6.4, 3.6))
        names: dict[str, str] = {}
        for path in histories:
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
