"""Rule `synthesize`: write tables of synthetic patients, whose structure is known.

Writes the CSV files to the folder RAW and, last, the manifest. Each file is whole or absent; killed at any moment,
the same command writes the same bytes again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder for the CSV files")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file to write when all files are there")
    parser.add_argument("--source", required=True, help="name of the source in the config, kept in the manifest")
    parser.add_argument("--settings", required=True, help="JSON map of settings; absent keys have defaults")
    return parser.parse_args()


@command
def main() -> None:
    """Write the patients of one source."""
    from workflow_scripts.data.mimic3.cohort import write_cohort
    from workflow_scripts.data.mimic3.synthetic import parse_settings
    from workflow_scripts.support.files import parse_json

    arguments = parse_arguments()
    given = parse_json(arguments.settings, "--settings")
    write_cohort(arguments.raw, arguments.manifest, arguments.source, parse_settings(given))


if __name__ == "__main__":
    main()
