"""The nearest-neighbour figure: source, action, target, and the view that each method's prediction retrieves.

Drawn from rows/evaluation.json of the runs, which stays where embeddings are deleted, and from the packed images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.experiment.runs import Run, parse_folder
from workflow_scripts.reporting.drawing import COLORS, SETTINGS, draw_message, finish_figure
from workflow_scripts.reporting.evaluations import FILE, read_evaluation
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.support.errors import UserError

CELL = (0.92, 0.98)  # of one image with its label [inches]
HIT = COLORS[2]
NOTE = (
    "Columns of methods: of all views of the object, the source included, the one nearest by cosine to the prediction "
    "from the source under the action; a method is told the action's entries of its own group or context only. "
    "Green frame: it is the target. Rank: of the target among the views."
)

Query = tuple[int, int, int]  # object (its position in the test split), source view, target view
Entry = dict[str, Any]  # see evaluation/evaluators/neighbours.py


@dataclass(frozen=True)
class Retrieved:
    """What one prediction of one run retrieves for each query: a column of the figure."""

    label: str
    entries: dict[Query, Entry]


def read_retrieved(runs: Iterable[Path], evaluator: str) -> tuple[list[Retrieved], list[str]]:
    """Return what each prediction of each run retrieves, and sentences on what is left out.

    runs: folders. evaluator: the one that exhibits it. Runs without a file are left out, and variants of a method that
    predicts without one too. Raises `UserError` for a malformed file.
    """
    found: list[tuple[Run, Retrieved]] = []
    absent = []
    for folder in runs:
        run, content = parse_folder(folder), read_evaluation(folder)
        if content is None:
            absent.append(run.name)
            continue
        labelled: dict[str, dict[Query, Entry]] = {}
        for entry in content["exhibits"].get(evaluator, []):
            query = (entry["object"], entry["source"], entry["target"])
            labelled.setdefault(label_prediction(run, entry), {})[query] = entry
        found += [(run, Retrieved(label, entries)) for label, entries in labelled.items()]
    notes = [f"Left out, since their {FILE} is absent: {', '.join(absent)}."] if absent else []
    plain = {run.method for run, _ in found if not run.variant}
    kept = [retrieved for run, retrieved in found if not run.variant or run.method not in plain]
    if varied := sorted({run.method for run, _ in found if run.variant and run.method in plain}):
        notes.append(f"Variants of {', '.join(varied)} are left out.")
    return kept, notes


def label_prediction(run: Run, entry: Entry) -> str:
    """Return the lines above a column: method, variant, and the group or context that its predictions follow."""
    lines = [run.method, *([f"~{run.variant}"] if run.variant else [])]
    if entry["condition"]:
        return "\n".join([*lines, f"{entry['condition'].removeprefix(CONTEXT)} context", f"{entry['level']} tokens"])
    return "\n".join([*lines, run.group])


def explain_action(entry: Entry) -> str:
    """Return an action in words: the angle in degrees, the changes of hue in turns."""
    lines = [f"rotation {entry['rotation_degrees']:.0f}°"] if "rotation_degrees" in entry else []
    hues = [name for name in ("floor", "light") if f"{name}_hue_turns" in entry]
    lines += [f"{name} hue {entry[f'{name}_hue_turns']:+z.2f}" for name in hues]
    return "\n".join(lines).replace("-", "\N{MINUS SIGN}")


def plot_neighbours(subject: Subject, evaluator: str) -> Figure:
    """Draw the figure of one data set, a row for each query; what is absent is left out, and said.

    evaluator: the one whose exhibits are shown. Raises `UserError` where they do not fit the data.
    """
    columns, left_out = read_retrieved(subject.runs, evaluator)
    if not columns:
        why = "there are no stored neighbours of a method that predicts"
        return draw_message(f"Nothing to draw: {why}.", subject.about, *left_out)
    try:
        data = PackedDataset(subject.packed)
    except UserError as error:
        return draw_message(f"Nothing to draw: {error}.", subject.about, *left_out)
    queries = list(dict.fromkeys(query for column in columns for query in column.entries))
    return draw_grid(columns, read_images(data, queries), queries, [subject.about, NOTE, *left_out])


def read_images(data: PackedDataset, queries: list[Query]) -> dict[Query, np.ndarray]:
    """Return all views of the object of each query, (V, H, W, 3) uint8, still on disk."""
    objects = data.indices("test", 0.0, 0)  # the test split does not depend on what is held out of the others
    views = data.inputs.shape[1]
    if any(query[0] >= len(objects) or max(query[1:]) >= views for query in queries):
        raise UserError(f"the runs' neighbours are not of the data in {data.folder}; evaluate the runs on it again")
    return {query: data.inputs[objects[query[0]]] for query in queries}


def draw_grid(
    columns: list[Retrieved], images: dict[Query, np.ndarray], queries: list[Query], notes: list[str]
) -> Figure:
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
            action.text(0.5, 0.5, explain_action(entry), fontsize=6.5, ha="center", va="center")
            for axis, column in zip(others, columns, strict=True):
                if query not in column.entries:
                    axis.axis("off")
                    continue
                entry = column.entries[query]
                _draw_view(axis, images[query][entry["retrieved"]], entry["retrieved"] == query[2])
                axis.set_xlabel(f"rank {entry['rank']:g} of {entry['candidates']}", fontsize=6, labelpad=2)
        finish_figure(figure, (), *notes)
    return figure


def _draw_view(axis: Axes, image: np.ndarray, hit: bool = False) -> None:
    """Draw one image; framed where it is the target that was retrieved."""
    axis.imshow(image, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set(visible=hit, color=HIT, linewidth=2.5)
