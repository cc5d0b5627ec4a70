"""Figures: curves of a view, and training curves. Deterministic bytes: no dates, fixed fonts, Agg."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.reporting.cells import Table, select_rows
from workflow_scripts.support.files import atomic_path

# Okabe and Ito's palette, which color-blind readers can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
SETTINGS: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "pdf.fonttype": 42}


def save_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as `<stem>.png` and `<stem>.pdf`, atomically and without a date, and close it."""
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with atomic_path(stem.with_name(f"{stem.name}.{ending}")) as temporary:
            figure.savefig(temporary, dpi=150, metadata=metadata, format=ending)
    plt.close(figure)


def plot_curves(table: Table, rows: pd.DataFrame) -> Figure:
    """Draw a view's rows as lines over its columns, one panel a section; published values dashed."""
    view = table.view
    sections = list(dict.fromkeys(row.section for row in view.rows))
    positions = np.arange(len(view.columns))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(1, len(sections), figsize=(4.2 * len(sections), 3.6), squeeze=False, sharey=True)
        for axis, section in zip(axes[0], sections, strict=True):
            lines = [(r, c) for r, c in zip(view.rows, table.cells, strict=True) if r.section == section]
            for color, (row, cells) in zip(COLORS, lines, strict=False):
                means = np.array([np.nan if cell.mean is None else cell.mean for cell in cells])
                spread = np.array([cell.std or 0.0 for cell in cells])
                published = [np.nan if cell.published is None else cell.published for cell in cells]
                axis.plot(positions, means, "o-", color=color, label=f"{row.label}, measured")
                axis.fill_between(positions, means - spread, means + spread, color=color, alpha=0.2, linewidth=0)
                axis.plot(positions, published, "x--", color=color, alpha=0.7, label=f"{row.label}, published")
            _draw_floor(axis, table, rows, section)
            axis.set_title(f"{section.capitalize()}", loc="left")
            axis.set_xticks(positions, [column.label for column in view.columns])
            axis.set_xlabel((view.figure or {})["x"])
            axis.legend(fontsize=7, frameon=False)
        axes[0, 0].set_ylabel((view.figure or {})["y"])
        _add_caveat(figure, f"{view.dataset}: {table.caveat}" if table.caveat else view.dataset)
    return figure


def _draw_floor(axis: Axes, table: Table, rows: pd.DataFrame, section: str) -> None:
    """Draw what a constant predictor scores on the panel's task, if it was measured."""
    floor = (table.view.figure or {}).get("floor")
    if not floor:
        return
    own = rows[(rows["dataset"] == table.view.dataset) & (rows["split"] == "test")]
    values = select_rows(own, {**floor, "task": section})["value"]
    if len(values):
        axis.axhline(values.mean(), color="gray", linestyle=":", label="constant predictor")


def _add_caveat(figure: Figure, text: str) -> None:
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.text(0.01, 0.015, text, fontsize=6.5, color="dimgray", wrap=True)


def plot_histories(histories: list[Path]) -> Figure:
    """Draw the loss of every run that has a history, by step, relative to its first entry."""
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(6.4, 3.6))
        names: dict[str, str] = {}
        for path in histories:
            if not path.exists() or not (lines := path.read_text().splitlines()):
                continue
            entries = [json.loads(line) for line in lines]
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
