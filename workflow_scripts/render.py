"""Rule `render`: draw the embedded benchmark, a 3DIEBench in small, in 3DIEBench's official layout.

Writes the tree of images and latents to the folder RAW, then a contact sheet, and last the manifest.
Killed at any moment, the same command goes on from there; a tree of other settings is left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workflow_scripts.support.errors import UserError, command

if TYPE_CHECKING:
    from workflow_scripts.data.rendering.settings import RenderSettings

CAVEAT = (
    "embedded data, rendered by this project: small and easy on purpose, a stand-in for 3DIEBench "
    "whose numbers are not comparable with published ones"
)


def draw_tree(
    raw: Path, manifest: Path, contact_sheet: Path, source: str, settings: RenderSettings, workers: int = 1
) -> None:
    """Draw what is missing of the tree `raw`, and write `contact_sheet` and `manifest`.

    Raises `UserError` if `raw` holds anything else.
    """
    from workflow_scripts.data.rendering import tree as render_tree
    from workflow_scripts.data.rendering.sheet import write_contact_sheet
    from workflow_scripts.support.files import exclusive, hash_file, write_json

    render_tree.check_tree(raw, settings)
    with exclusive(raw):
        render_tree.start_tree(raw, settings)
        render_tree.draw_objects(raw, settings, workers)
        render_tree.write_splits(raw, settings)
        write_contact_sheet(contact_sheet, raw, settings)
        content = {
            "root": str(raw),
            "source": source,
            "description": describe(settings),
            "caveat": CAVEAT,
            "settings_hash": render_tree.hash_render(settings),
            "sha256": {path.name: hash_file(path) for path in sorted(raw.glob("*_*.npy"))},
        }
        write_json(manifest, content)


def describe(settings: RenderSettings) -> str:
    """Return one line that says what the data are."""
    objects = settings.objects_per_class
    pose = "a shared canonical pose" if settings.pose == "shared" else f"a random pose of each {settings.pose}"
    return (
        f"{settings.classes} classes x {objects['train']} train + {objects['val']} val objects x {settings.views}"
        f" views, {settings.resolution} px: composites of {settings.parts} ellipsoids and boxes in {pose}, drawn by a"
        " ray-caster with 3DIEBench's seven latents"
    )


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder for the tree of images and latents")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file to write when the tree is complete")
    parser.add_argument("--contact-sheet", type=Path, required=True, help="PNG file with examples")
    parser.add_argument("--source", required=True, help="name of the source in the config, kept in the manifest")
    parser.add_argument("--settings", required=True, help="JSON map of render settings; absent keys have defaults")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that draw (default: 1); any number, same bytes"
    )
    return parser.parse_args()


@command
def main() -> None:
    """Render one source."""
    from workflow_scripts.data.rendering.settings import parse_settings
    from workflow_scripts.support.files import parse_json

    arguments = parse_arguments()
    given = parse_json(arguments.settings, "--settings")
    if arguments.workers < 1:
        raise UserError(f"--workers is {arguments.workers}; give at least 1")
    draw_tree(
        arguments.raw,
        arguments.manifest,
        arguments.contact_sheet,
        arguments.source,
        parse_settings(given),
        arguments.workers,
    )


if __name__ == "__main__":
    main()
