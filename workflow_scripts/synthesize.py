"""Rule `synthesize`: write raw data of known structure, made by a module of data/synthesizers.

Writes the files to the folder RAW and, last, the manifest. Each file is whole or absent; killed at any moment,
the same command writes the same bytes again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import UserError, command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder for the files")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file to write when all files are there")
    parser.add_argument("--source", required=True, help="name of the source in the config, kept in the manifest")
    parser.add_argument(
        "--settings", required=True, help="JSON map of settings with their kind; absent keys have defaults"
    )
    return parser.parse_args()


@command
def main() -> None:
    """Write the data of one source."""
    from workflow_scripts.support.files import parse_json
    from workflow_scripts.support.plugins import load_plugin

    arguments = parse_arguments()
    given = parse_json(arguments.settings, "--settings")
    if not isinstance(given, dict) or "kind" not in given:
        raise UserError('--settings is no map with a `kind`; give one such as {"kind": ...}, see data/synthesizers')
    synthesizer = load_plugin("data.synthesizers", given.pop("kind"), "SYNTHESIZER")
    synthesizer.write(arguments.raw, arguments.manifest, arguments.source, given)


if __name__ == "__main__":
    main()
