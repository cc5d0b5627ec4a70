"""Contact sheets: a few training images of each class as they were packed, as every training sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.readers.base import TRAIN
from workflow_scripts.reporting.drawing import SETTINGS, draw_message, finish_figure
from workflow_scripts.support.errors import UserError

MOST_CLASSES, IMAGES = 12, 12
GAP = 0.06  # between images, as a share of their side
INCH = 0.62  # side of an image


def plot_samples(packed: Path, source: str) -> Figure:
    """Draw a row of images for each class, the first `MOST_CLASSES` of them; a message where the data are gone."""
    try:
        data = PackedDataset(packed)
    except UserError as error:
        return draw_message(f"Nothing to draw: {error}.", source)
    classes = data.meta["classes"][:MOST_CLASSES]
    sheet, pitch = lay_out_sheet([pick_views(data, label) for label in range(len(classes))])
    notes = [f"{source}: {data.meta['caveat'].rstrip('.')}." if data.meta["caveat"] else f"{source}."]
    if len(classes) < len(data.meta["classes"]):
        notes.append(f"The first {len(classes)} of {len(data.meta['classes'])} classes.")
    size = (INCH * IMAGES + 1.6, INCH * len(classes) + 0.5)
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=size)
        axis.imshow(sheet, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([pitch * (row + 0.5) for row in range(len(classes))], classes, fontsize=7)
        axis.tick_params(length=0)
        axis.spines[:].set(visible=False)
        finish_figure(figure, (), *notes)
    return figure


def pick_views(data: PackedDataset, label: int) -> np.ndarray:
    """Return up to `IMAGES` images of a class's first training objects, (n, H, W, 3): as many objects as there are."""
    objects = np.flatnonzero((data.labels == label) & (data.splits == TRAIN))
    views = data.inputs.shape[1]
    places = [(object_, view) for view in range(views) for object_ in objects[:IMAGES]][:IMAGES]
    return np.array([data.inputs[place] for place in places]).reshape(-1, *data.inputs.shape[2:])


def lay_out_sheet(rows: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return rows of square images (n, H, W, 3) as one white image, and the distance of its rows [pixels]."""
    side = rows[0].shape[1]
    pitch = side + max(1, round(GAP * side))
    sheet = np.full((pitch * len(rows), pitch * IMAGES, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            sheet[row * pitch : row * pitch + side, column * pitch : column * pitch + side] = image
    return sheet, pitch
