"""A contact sheet of the embedded benchmark: what the classes look like, and what each latent does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from workflow_scripts.data.readers.threediebench import LATENT_NAMES
from workflow_scripts.data.rendering.raycaster import Lighting, render
from workflow_scripts.data.rendering.scenes import (
    Composite,
    ObjectName,
    latent_ranges,
    list_objects,
    make_classes,
    make_object,
    sample_latents,
)
from workflow_scripts.data.rendering.settings import RenderSettings
from workflow_scripts.data.rendering.tree import object_folder, use_one_thread
from workflow_scripts.support.files import atomic_path

TILE = 128  # side of a picture [pixels]
GAP = 6
LABEL = 128  # width of the row labels
HEADER = 44  # height above a block
COLUMNS = 8
MOST_CLASSES = 12
# Where in its range each latent stands while another one varies.
REFERENCE = np.array([0.5, 0.5, 0.5, 0.3, 0.8, 0.62, 0.15])


def write_contact_sheet(path: Path, raw: Path, settings: RenderSettings) -> None:
    """Draw the sheet of the finished tree `raw` into the PNG file `path`."""
    use_one_thread()
    templates = make_classes(settings)
    classes = min(settings.classes, MOST_CLASSES)
    shown = "" if classes == settings.classes else f" (the first {classes} of {settings.classes})"
    form = "stored" if settings.jpeg_quality is not None else "packed"
    views = f"{settings.resolution} px as {form}, and the same view drawn at {TILE} px"
    first = _Block(
        f"Classes{shown}: train objects, {views}",
        [f"class {label}" for label in range(classes)],
        [_class_row(raw, settings, label, templates[label]) for label in range(classes)],
    )
    second = _Block(
        "Latents: one object of class 0, one latent varied over its range at a time",
        [
            f"{name.replace('_', ' ')}\n{low:.2f} to {high:.2f}"
            for name, (low, high) in zip(LATENT_NAMES, latent_ranges(settings), strict=True)
        ],
        _latent_rows(settings, templates[0]),
    )
    blocks = (first, second)
    width = LABEL + COLUMNS * (TILE + GAP) + GAP
    sheet = Image.new("RGB", (width, sum(block.height for block in blocks) + GAP), "white")
    top = 0
    for block in blocks:
        block.paste(sheet, top)
        top += block.height
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG")


class _Block:
    """A titled grid of pictures: `rows` of (TILE, TILE, 3) uint8 arrays, with a label each."""

    def __init__(self, title: str, labels: list[str], rows: list[list[np.ndarray]]) -> None:
        self.title, self.labels, self.rows = title, labels, rows
        self.height = HEADER + len(rows) * (TILE + GAP)

    def paste(self, sheet: Image.Image, top: int) -> None:
        """Draw the block into `sheet`, `top` pixels from its upper edge."""
        draw = ImageDraw.Draw(sheet)
        draw.text((GAP, top + 12), self.title, fill="black", font=ImageFont.load_default(18))
        for number, (label, row) in enumerate(zip(self.labels, self.rows, strict=True)):
            y = top + HEADER + number * (TILE + GAP)
            draw.multiline_text((GAP, y + TILE // 2 - 16), label, fill="black", font=ImageFont.load_default(14))
            for column, tile in enumerate(row):
                sheet.paste(Image.fromarray(tile), (LABEL + column * (TILE + GAP), y))


def _class_row(raw: Path, settings: RenderSettings, label: int, template: Composite) -> list[np.ndarray]:
    """Return pairs of pictures: a view as it is stored, and the same view drawn large."""
    objects = [name for name in list_objects(settings, "train") if name.label == label]
    row = []
    for number in range(COLUMNS // 2):
        # Different objects where there are enough, and a different view of each.
        name, view = objects[number % len(objects)], number % settings.views
        composite, latents = make_object(template, settings, name), sample_latents(settings, name)[view : view + 1]
        stored = _stored_view(raw, settings, name, view, composite)
        row.append(np.asarray(stored.resize((TILE, TILE), Image.Resampling.NEAREST)))
        row.append(render(composite, latents, TILE, 2, Lighting(shadow=settings.shadow))[0])
    return row


def _stored_view(raw: Path, settings: RenderSettings, name: ObjectName, view: int, composite: Composite) -> Image.Image:
    """Return a view as it is stored, or as it will be packed where no images are stored."""
    if settings.jpeg_quality is not None:
        with Image.open(object_folder(raw, settings, name) / f"image_{view}.jpg") as image:
            image.load()
            return image
    latents, lighting = sample_latents(settings, name)[view : view + 1], Lighting(shadow=settings.shadow)
    return Image.fromarray(render(composite, latents, settings.resolution, settings.supersampling, lighting)[0])


def _latent_rows(settings: RenderSettings, template: Composite) -> list[list[np.ndarray]]:
    low, high = np.array(latent_ranges(settings)).T
    composite = make_object(template, settings, ObjectName(0, "train", 0))
    rows = []
    for latent in range(len(LATENT_NAMES)):
        shares = np.tile(REFERENCE, (COLUMNS, 1))
        shares[:, latent] = np.linspace(0, 1, COLUMNS)
        rows.append(list(render(composite, low + shares * (high - low), TILE, 2, Lighting(shadow=settings.shadow))))
    return rows
