"""The embedded benchmark as a raw source: its tree of images and latents, a contact sheet, and the manifest."""

from __future__ import annotations

from pathlib import Path

from workflow_scripts.data.rendering.settings import RenderSettings
from workflow_scripts.data.rendering.sheet import write_contact_sheet
from workflow_scripts.data.rendering.tree import check_tree, draw_objects, hash_render, start_tree, write_splits
from workflow_scripts.support.files import hash_file, write_json
from workflow_scripts.support.locks import exclusive

CAVEAT = (
    "embedded data, rendered by this project: small and easy on purpose, a stand-in for 3DIEBench "
    "whose numbers are not comparable with published ones"
)


def draw_tree(
    raw: Path,
    manifest: Path,
    contact_sheet: Path,
    source: str,
    settings: RenderSettings,
    workers: int = 1,
    device: str = "cpu",
) -> None:
    """Draw what is missing of the tree `raw`, and write `contact_sheet` and `manifest`.

    Without a JPEG quality no images are drawn here, see `readers.rendered`. The contact sheet is always drawn by a CPU.
    Raises `UserError` if `raw` holds anything else.
    """
    check_tree(raw, settings)
    with exclusive(raw):
        start_tree(raw, settings)
        if settings.jpeg_quality is not None:
            draw_objects(raw, settings, workers, device)
        write_splits(raw, settings)
        write_contact_sheet(contact_sheet, raw, settings)
        content = {
            "root": str(raw),
            "source": source,
            "description": describe_tree(settings),
            "caveat": CAVEAT,
            "settings_hash": hash_render(settings),
            "sha256": {path.name: hash_file(path) for path in sorted(raw.glob("*_*.npy"))},
        }
        write_json(manifest, content)


def describe_tree(settings: RenderSettings) -> str:
    """Return one line that says what the data are."""
    objects = settings.objects_per_class
    pose = "a shared canonical pose" if settings.pose == "shared" else f"a random pose of each {settings.pose}"
    return (
        f"{settings.classes} classes x {objects.train} train + {objects.test} test objects x {settings.views}"
        f" views, {settings.resolution} px: composites of {settings.parts} ellipsoids and boxes in {pose}, drawn by a"
        " ray-caster with 3DIEBench's seven latents"
    )
