"""The nearest-neighbour figure: source, action, target, and the view that each method's prediction retrieves.

Drawn from rows/neighbours.json of the runs, which stays where embeddings are deleted, and from the packed images.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.experiment.runs import Run, parse_folder
from workflow_scripts.reporting.plots import COLORS, SETTINGS, add_caveat, draw_message
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json

CELL = (0.92, 0.98)  # of one image with its label [inches]
HIT = COLORS[2]
LETTERS = 17  # of a caveat that fit in an inch
NOTE = (
    "Columns of methods: of all views of the object, the source included, the one nearest by cosine to the prediction "
    "from the source under the action; a method is told the action's entries of its own group or context only. "
    "Green frame: it is the target. Rank: of the target among the views."
)

Query = tuple[int, int, int]  # object (its position in the test split), source view, target view
Entry = dict[str, Any]  # see evaluation/neighbours.py


@dataclass(frozen=True)
class Column:
    """What one prediction of one run retrieves for each query."""

    label: str
    entries: dict[Query, Entry]


def read_columns(files: Iterable[Path]) -> tuple[list[Column], list[str]]:
    """Return a column for each prediction of each run, and sentences on what is left out.

    files: results/<dataset>/<name>/seed<k>/rows/neighbours.json; absent ones are left out, and variants of a
    method that predicts without one too. Raises `UserError` for a malformed file.
    """
    columns: list[tuple[Run, Column]] = []
    absent = []
    for path in files:
        run = parse_folder(path.parents[1])
        if not path.exists():
            absent.append(run.name)
            continue
        found: dict[str, dict[Query, Entry]] = {}
        for entry in read_json(path)["neighbours"]:
            query = (entry["object"], entry["source"], entry["target"])
            found.setdefault(label_prediction(run, entry), {})[query] = entry
        columns += [(run, Column(label, entries)) for label, entries in found.items()]
    notes = [f"Left out, since their rows/neighbours.json is absent: {', '.join(absent)}."] if absent else []
    plain = {run.method for run, _ in columns if not run.variant}
    kept = [column for run, column in columns if not run.variant or run.method not in plain]
    if varied := sorted({run.method for run, _ in columns if run.variant and run.method in plain}):
        notes.append(f"Variants of {', '.join(varied)} are left out.")
    return kept, notes


def label_prediction(run: Run, entry: Entry) -> str:
    """Return the lines above a column: method, variant, and the group or context that its predictions follow."""
    lines = [run.method, *([f"~{run.variant}"] if run.variant else [])]
    if entry["context"]:
        return "\n".join([*lines, f"{entry['context']} context", f"{entry['length']} tokens"])
    return "\n".join([*lines, run.group])


def describe_action(entry: Entry) -> str:
    """Return an action in words: the angle in degrees, the changes of hue in turns."""
    lines = [f"rotation {entry['rotation_degrees']:.0f}°"] if "rotation_degrees" in entry else []
    hues = [name for name in ("floor", "light") if f"{name}_hue_turns" in entry]
    lines += [f"{name} hue {entry[f'{name}_hue_turns']:+z.2f}" for name in hues]
    return "\n".join(lines).replace("-", "\N{MINUS SIGN}")


def plot_neighbours(files: Iterable[Path], packed: Path, dataset: str, caveat: str) -> Figure:
    """Draw the figure of one data set, a row for each query; what is absent is left out, and said.

    files: see `read_columns`. packed: folder of the packed data. Raises `UserError` where neighbours do not fit it.
    """
    columns, left_out = read_columns(files)
    scope = f"{dataset}: {caveat.rstrip('.')}." if caveat else f"{dataset}."
    if not columns:
        why = "there are no stored neighbours of a method that predicts"
        return draw_message(f"Nothing to draw: {why}.", [scope, *left_out])
    try:
        data = PackedDataset(packed)
    except UserError as error:
        return draw_message(f"Nothing to draw: {error}.", [scope, *left_out])
    queries = list(dict.fromkeys(query for column in columns for query in column.entries))
    return draw_grid(columns, read_images(data, queries), queries, [scope, NOTE, *left_out])


def read_images(data: PackedDataset, queries: list[Query]) -> dict[Query, np.ndarray]:
    """Return all views of the object of each query, (V, H, W, 3) uint8, still on disk."""
    objects = data.indices("test", 0.0, 0)  # the test split does not depend on what is held out of the others
    views = data.inputs.shape[1]
    if any(query[0] >= len(objects) or max(query[1:]) >= views for query in queries):
        raise UserError(f"the runs' neighbours are not of the data in {data.folder}; evaluate the runs on it again")
    return {query: data.inputs[objects[query[0]]] for query in queries}


def draw_grid(columns: list[Column], images: dict[Query, np.ndarray], queries: list[Query], notes: list[str]) -> Figure:
    """Draw a row of images for each query, under the columns' labels."""
    headings = ["source", "action", "target", *(column.label for column in columns)]
    size = (CELL[0] * len(headings), CELL[1] * len(queries) + 1.1)
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(queries), len(headings), figsize=size, squeeze=False)
        for axis, heading in zip(axes[0], headings, strict=True):
            axis.set_title(heading, fontsize=7)
        for query, (source, action, target, *others) in zip(queries, axes, strict=True):
            _draw_view(source, images[query][query[1]])
            _draw_view(target, images[query][query[2]])
            entry = next(column.entries[query] for column in columns if query in column.entries)
            action.set(aspect="equal")  # as the images, so that its heading stands in line with theirs
            action.axis("off")
            action.text(0.5, 0.5, describe_action(entry), fontsize=6.5, ha="center", va="center")
            for axis, column in zip(others, columns, strict=True):
                if query not in column.entries:
                    axis.axis("off")
                    continue
                entry = column.entries[query]
                _draw_view(axis, images[query][entry["retrieved"]], entry["retrieved"] == query[2])
                axis.set_xlabel(f"rank {entry['rank']:g} of {entry['candidates']}", fontsize=6, labelpad=2)
        lines = textwrap.wrap(" ".join(notes), width=round(LETTERS * size[0]))
        add_caveat(figure, "\n".join(lines), bottom=(0.12 * len(lines) + 0.2) / size[1])
    return figure


def _draw_view(axis: Axes, image: np.ndarray, hit: bool = False) -> None:
    """Draw one image; framed where it is the target that was retrieved."""
    axis.imshow(image, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set(visible=hit, color=HIT, linewidth=2.5)
