"""Reader of a rendered source without image files: `read` draws the images.

    settings.json    what the tree was drawn with; all else follows from it

It is a tree of `rendering.tree` whose `jpeg_quality` is null. The images are those that the step `render` would draw,
without the loss of JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from workflow_scripts.data.readers.base import TEST, TRAIN, DrawingReader, Normalisation, resize_image
from workflow_scripts.data.readers.threediebench import LATENT_NAMES
from workflow_scripts.data.rendering.scenes import SPLITS, ObjectName, list_objects, make_classes
from workflow_scripts.data.rendering.settings import RenderSettings, parse_settings
from workflow_scripts.data.rendering.tree import GPU_THREADS, RENDERER, STAMP, draw_views, list_split
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json

DRAWS = True  # see `base.DrawingReader`
POSES = True  # see `base.ImageReader`


class Rendered(DrawingReader):
    """Objects that are drawn when they are read; see `base.Reader`.

    The images are those of the ray-caster at the tree's resolution, resized where another one is asked for. On a CPU
    their bytes are always the same; a GPU may round differently, see `rendering.raycaster`.
    """

    latent_names: Sequence[str] = LATENT_NAMES
    normalisation: Normalisation | None = None
    caveat = ""
    gpu_threads = GPU_THREADS

    def __init__(self, root: Path) -> None:
        self._settings = settings = read_settings(root)
        self._names = [name for split in SPLITS for name in list_objects(settings, split)]
        self._templates = make_classes(settings)
        splits = [list_split(settings, split) for split in SPLITS]
        self.objects, self.labels = (np.concatenate(arrays) for arrays in zip(*splits, strict=True))
        self.splits = np.repeat(np.array([TRAIN, TEST], dtype=np.uint8), [len(labels) for _, labels in splits])
        self.classes: Sequence[str] = [name.synset for name in self._names[: settings.classes]]
        self.views = settings.views

    def check(self, index: int) -> None:
        """Do nothing: there are no files."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (V, resolution, resolution, 3) uint8 and latents (V, 7) float32 of an object."""
        images, latents = self._draw(self._names[index])
        if resolution not in (None, self._settings.resolution):
            images = np.stack([resize_image(Image.fromarray(image), resolution) for image in images])
        return images, latents.astype(np.float32)

    def _draw(self, name: ObjectName) -> tuple[np.ndarray, np.ndarray]:
        """Return images (V, H, W, 3) uint8 of the tree's resolution, and latents (V, 7) float64."""
        return draw_views(self._settings, self._templates[name.label], name, self.device)


open_reader = Rendered


def read_settings(root: Path) -> RenderSettings:
    """Return what a tree is drawn with. Raises `UserError` where there is none, or one with image files."""
    if not (root / STAMP).exists():
        raise UserError(
            f"{root} has no {STAMP} of the step that renders; the layout `rendered` is for sources with "
            "`render: {jpeg_quality: null}`"
        )
    found = read_json(root / STAMP)
    if not isinstance(found, dict) or found.pop("renderer", None) != RENDERER:
        raise UserError(f"{root / STAMP} is not of this version of the renderer; delete {root} and render again")
    settings = parse_settings(found)
    if settings.jpeg_quality is not None:
        raise UserError(
            f"{root} holds JPEG images; give its source the layout `threediebench`, or, to have them drawn when they "
            "are packed, `render: {jpeg_quality: null}`"
        )
    return settings
