"""The embedded benchmark on disk, in 3DIEBench's official layout (Garrido et al. 2023).

    <class>/<object>/image_0.jpg ...    RGB images
    <class>/<object>/latent_0.npy ...   seven float64 each
    train_images.npy, train_labels.npy, val_images.npy, val_labels.npy
    settings.json                       what the tree was drawn with (ours)

An object's folder appears in one step when it is complete, so a stopped run goes on where it was. Without a JPEG
quality there are no folders of objects: their images are drawn when they are packed, see `readers.rendered`.
"""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.rendering.scenes import (
    SPLITS,
    Composite,
    ObjectName,
    list_objects,
    make_classes,
    make_object,
    sample_latents,
)
from workflow_scripts.data.rendering.settings import RenderSettings
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import atomic_path, hash_settings, read_json, write_json
from workflow_scripts.support.memory import keep_freed_memory
from workflow_scripts.support.progress import make_bar
from workflow_scripts.support.workers import open_workers

RENDERER = 1  # of the images that one and the same settings give; part of the settings hash
STAMP = "settings.json"
KINDS = ("images", "labels")  # arrays of each split
GPU_THREADS = 4  # that draw on one GPU: enough to keep it busy, and each takes up to 2 GiB of its memory


def describe_settings(settings: RenderSettings) -> dict[str, Any]:
    """Return the JSON-like map that stands in a tree for the way it was drawn."""
    return {"renderer": RENDERER, **settings.as_json()}


def hash_render(settings: RenderSettings) -> str:
    """Return the settings hash of a tree: 16 hex digits."""
    return hash_settings(describe_settings(settings))


def check_tree(raw: Path, settings: RenderSettings) -> None:
    """Raise `UserError` if the folder `raw` holds anything but a tree, or part of one, of these settings."""
    wanted = describe_settings(settings)
    if (raw / STAMP).exists():
        found = read_json(raw / STAMP)
        found = found if isinstance(found, dict) else {}
        differing = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
        if differing:
            key = differing[0]
            raise UserError(
                f"{raw} holds images drawn with other settings ({key}: {found.get(key)}, now {wanted.get(key)}); "
                "move or delete that folder, or go back to its settings"
            )
    elif raw.exists() and (not raw.is_dir() or any(not path.name.startswith(".") for path in raw.iterdir())):
        raise UserError(f"{raw} holds files that this step did not write; move them away, or choose another folder")


def is_without_images(raw: Path) -> bool:
    """Tell whether the folder `raw` is a tree whose images are drawn when they are packed."""
    found = read_json(raw / STAMP) if (raw / STAMP).exists() else {}
    return isinstance(found, dict) and "renderer" in found and found.get("jpeg_quality", 0) is None


def start_tree(raw: Path, settings: RenderSettings) -> None:
    """Mark `raw` as a tree of these settings, and clear what a killed run left of unfinished files."""
    for name in (STAMP, *(f"{split}_{kind}.npy" for split in SPLITS for kind in KINDS)):
        for stray in raw.glob(f".{name}.*"):
            stray.unlink()
    if not (raw / STAMP).exists():
        write_json(raw / STAMP, describe_settings(settings))


def draw_objects(raw: Path, settings: RenderSettings, workers: int, device: str = "cpu") -> None:
    """Draw every object that is not there yet. The bytes do not depend on the number of `workers`.

    workers: processes; for a GPU threads of this process, since every process takes memory of the GPU for itself.
    """
    names = [name for split in SPLITS for name in list_objects(settings, split)]
    missing = [name for name in names if not is_complete(object_folder(raw, settings, name), settings.views)]
    if not missing:
        return
    tasks = [[name] for name in missing]
    drawing = Drawing(raw, settings, make_classes(settings), device)
    with (
        open_workers(drawing, workers, GPU_THREADS if device != "cpu" else 0) as pool,
        make_bar("render", len(names), " objects", len(names) - len(missing)) as progress,
    ):
        for task in pool.run(draw, tasks):
            progress.update(len(task))


def use_one_thread() -> None:
    """Have torch work in the calling thread alone: how it splits an operation among threads changes rounding."""
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Drawing:
    """What a worker needs to know. templates: of the classes; device: that draws."""

    raw: Path
    settings: RenderSettings
    templates: list[Composite]
    device: str


def draw(drawing: Drawing, names: list[ObjectName]) -> None:
    """Draw all views of some objects and write their folders."""
    settings = drawing.settings
    assert settings.jpeg_quality is not None
    for name in names:
        images, latents = draw_views(settings, drawing.templates[name.label], name, drawing.device)
        write_object(object_folder(drawing.raw, settings, name), images, latents, settings.jpeg_quality)


def draw_views(
    settings: RenderSettings, template: Composite, name: ObjectName, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Return images (V, H, W, 3) uint8 and latents (V, 7) float64 of all views of an object of a class."""
    from workflow_scripts.data.rendering.raycaster import Lighting, render

    use_one_thread()
    keep_freed_memory()
    latents, composite = sample_latents(settings, name), make_object(template, settings, name)
    lighting = Lighting(shadow=settings.shadow)
    return render(composite, latents, settings.resolution, settings.supersampling, lighting, device), latents


def object_folder(raw: Path, settings: RenderSettings, name: ObjectName) -> Path:
    """Return an object's folder."""
    return raw / name.synset / name.object_id(settings.seed)


def is_complete(folder: Path, views: int) -> bool:
    """Tell whether an object's folder has all its files, none of them empty."""
    try:
        found = {entry.name for entry in os.scandir(folder) if entry.stat().st_size > 0}
    except (FileNotFoundError, NotADirectoryError):
        return False
    return all(f"image_{view}.jpg" in found and f"latent_{view}.npy" in found for view in range(views))


def write_object(folder: Path, images: np.ndarray, latents: np.ndarray, quality: int) -> None:
    """Write images (V, H, W, 3) uint8 and latents (V, 7) as an object's folder, which appears whole or not at all."""
    partial = folder.with_name(f"{folder.name}.partial")
    for leftover in (partial, folder):
        if leftover.exists():
            shutil.rmtree(leftover)
    partial.mkdir(parents=True)
    for view, (image, latent) in enumerate(zip(images, latents, strict=True)):
        (partial / f"image_{view}.jpg").write_bytes(encode_jpeg(image, quality))
        np.save(partial / f"latent_{view}.npy", latent, allow_pickle=False)
    os.rename(partial, folder)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Encode an image (H, W, 3) uint8, with the colors at full resolution: in small images they carry the hues."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def write_splits(raw: Path, settings: RenderSettings) -> None:
    """Write the four official arrays, see `list_split`."""
    for split in SPLITS:
        for kind, array in zip(KINDS, list_split(settings, split), strict=True):
            with atomic_path(raw / f"{split}_{kind}.npy") as temporary:
                np.save(temporary, array, allow_pickle=False)


def list_split(settings: RenderSettings, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the objects of a split as the official arrays do: names "/<class>/<object>/", and labels, int64."""
    names = list_objects(settings, split)
    images = np.array([f"/{name.synset}/{name.object_id(settings.seed)}/" for name in names])
    return images, np.array([name.label for name in names], dtype=np.int64)
