"""The figure of nearest images: a query, changed or not, and what is near it to each run, beneath each other.

Drawn from rows/evaluation.json of the runs, which stays where embeddings are deleted, and from the packed images, which
are changed here again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.experiment.runs import parse_folder
from workflow_scripts.reporting.drawing import COLORS, SETTINGS, draw_message, finish_figure
from workflow_scripts.reporting.evaluations import FILE, read_evaluation
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.support.errors import UserError

HIT = COLORS[2]
INCH, LABEL = 0.4, 1.5  # side of an image, and width of the runs' names [inches]
GAP = 0.08  # between images, as a share of their side
VALUES = 4  # quarter turns, or quarters of the circle of hues
TASKS = {"rotation": ("turned by", "four turns"), "hue": ("hue turned by", "four hues")}  # of a query, of candidates
NOTE = (
    "First image of a line: the query; then the images nearest to it by cosine, the nearest first. Candidates are the "
    "other test images that were looked at, in all four values of the change. Green frame: changed as the query was, "
    "which one in four is by chance."
)

Question = tuple[int, str, int]  # place among the stored test images, task, value
Near = list[tuple[int, int]]  # places and values, the nearest first


@dataclass(frozen=True)
class NearLines:
    """What is near each question to one representation of one run: a line of every block."""

    label: str
    near: dict[Question, Near]


def read_lines(
    runs: Iterable[Path], evaluator: str, representations: Sequence[str], names: Sequence[str] | None
) -> tuple[list[NearLines], list[str]]:
    """Return a line for each run and representation, and sentences on what is left out.

    runs: folders. names: of the runs that are wanted, None for all. Raises `UserError` for a malformed file.
    """
    found, absent = [], []
    for folder in runs:
        run = parse_folder(folder)
        if names is not None and run.name not in names:
            continue
        if (content := read_evaluation(folder)) is None:
            absent.append(run.name)
            continue
        near: dict[str, dict[Question, Near]] = {}
        for entry in content["exhibits"].get(evaluator, []):
            question = (entry["object"], entry["task"], entry["value"])
            neighbours = [(image, value) for image, value, _ in entry["nearest"]]
            near.setdefault(entry["representation"], {})[question] = neighbours
        for name in (name for name in representations if name in near):
            found.append(NearLines(f"{run.name}, {name}" if len(representations) > 1 else run.name, near[name]))
    return found, [f"Left out, since their {FILE} is absent: {', '.join(absent)}."] if absent else []


def plot_image_neighbours(
    subject: Subject, evaluator: str, representations: Sequence[str], names: Sequence[str] | None
) -> Figure:
    """Draw the figure of one data set; what is absent is left out, and said.

    The arguments are those of `read_lines`. Raises `UserError` where exhibits do not fit the data.
    """
    lines, left_out = read_lines(subject.runs, evaluator, representations, names)
    if not lines:
        return draw_message("Nothing to draw: there are no stored neighbours of images.", subject.about, *left_out)
    try:
        data = PackedDataset(subject.packed)
    except UserError as error:
        return draw_message(f"Nothing to draw: {error}.", subject.about, *left_out)
    questions = list(dict.fromkeys(question for line in lines for question in line.near))
    return draw_blocks(lines, StoredImages(data), questions, [subject.about, NOTE, *left_out])


class StoredImages:
    """Test images by their place among all that are stored, changed when they are asked for."""

    def __init__(self, data: PackedDataset) -> None:
        self._data, self._objects = data, data.indices("test", 0.0, 0)
        self.side = int(data.inputs.shape[2])

    def read(self, place: int, task: str, value: int) -> np.ndarray:
        """Return one image (H, W, 3) uint8. Raises `UserError` for a place that is not there."""
        position, view = divmod(place, self._data.inputs.shape[1])
        if position >= len(self._objects):
            raise UserError(
                f"the runs' neighbours are not of the data in {self._data.folder}; evaluate the runs on it again"
            )
        return change_image(np.asarray(self._data.inputs[self._objects[position], view]), task, value)


def change_image(image: np.ndarray, task: str, value: int) -> np.ndarray:
    """Return an image (H, W, 3) uint8 turned counterclockwise by quarters, or its hues by quarters of their circle."""
    if task == "rotation" or not value:
        return np.rot90(image, value if task == "rotation" else 0)
    colors = rgb_to_hsv(image / 255)
    colors[..., 0] = (colors[..., 0] + value / VALUES) % 1
    return np.asarray((255 * hsv_to_rgb(colors)).round(), dtype=np.uint8)


def explain_question(task: str, value: int) -> str:
    """Return what was done to a query, and of which images its neighbours are."""
    done, candidates = TASKS[task]
    query = f"{done} {360 * value // VALUES}°" if value else "as it is"
    return f"{query};\nother images in all {candidates}"


def draw_blocks(lines: list[NearLines], images: StoredImages, questions: list[Question], notes: list[str]) -> Figure:
    """Draw a block for each question: a row of blocks for each query, a column for each of its changes."""
    objects = list(dict.fromkeys(question[0] for question in questions))
    changes = list(dict.fromkeys(question[1:] for question in questions))
    width = 1 + max(len(near) for line in lines for near in line.near.values())
    size = (LABEL + (INCH * width + 0.2) * len(changes), (INCH * len(lines) + 0.3) * len(objects) + 0.9)
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(objects), len(changes), figsize=size, squeeze=False)
        for row, place in zip(axes, objects, strict=True):
            for axis, change in zip(row, changes, strict=True):
                _draw_block(axis, lines, images, (place, *change), width)
        for axis, (task, value) in zip(axes[0], changes, strict=True):
            axis.set_title(explain_question(task, value), fontsize=7)
        for axis in axes[:, 0]:
            axis.set_yticks(axis.get_yticks(), [line.label for line in lines], fontsize=6.5)
        finish_figure(figure, (), *notes)
    return figure


def _draw_block(axis: Axes, lines: list[NearLines], images: StoredImages, question: Question, width: int) -> None:
    """Draw one question: in each line the query and what is near it; framed where it was changed alike."""
    place, task, value = question
    side = images.side
    pitch, apart = side + max(1, round(GAP * side)), side // 4  # the query stands apart
    sheet = np.full((pitch * len(lines), pitch * width + apart, 3), 255, np.uint8)
    for row, line in enumerate(lines):
        for column, (image, own) in enumerate([(place, value), *line.near[question]] if question in line.near else []):
            top, left = row * pitch, column * pitch + (apart if column else 0)
            sheet[top : top + side, left : left + side] = images.read(image, task, own)
            if column and own == value:
                corner = (left - 0.5, top - 0.5)
                axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=HIT, linewidth=1.3))
    axis.imshow(sheet, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([pitch * row + side / 2 for row in range(len(lines))], [""] * len(lines))
    axis.tick_params(length=0)
    axis.spines[:].set(visible=False)
