"""Rule `render`: draw images of objects whose latents are known.

Writes the tree of images and latents to the folder RAW, then a contact sheet, and last the manifest.
Killed at any moment, the same command goes on from there; a tree of other settings is left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import UserError, command


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
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda: what draws (default: cpu)")
    return parser.parse_args()


@command
def main() -> None:
    """Render one source."""
    from workflow_scripts.data.rendering.settings import parse_settings
    from workflow_scripts.data.rendering.source import draw_tree
    from workflow_scripts.support.files import parse_json

    arguments = parse_arguments()
    given = parse_json(arguments.settings, "--settings")
    if arguments.workers < 1:
        raise UserError(f"--workers is {arguments.workers}; give at least 1")
    settings, device = parse_settings(given), "cpu"
    if arguments.device != "cpu" and settings.jpeg_quality is not None:
        from workflow_scripts.training.devices import choose_device

        device = choose_device(arguments.device, 1).type
    outputs = arguments.raw, arguments.manifest, arguments.contact_sheet
    draw_tree(*outputs, arguments.source, settings, arguments.workers, device)


if __name__ == "__main__":
    main()
