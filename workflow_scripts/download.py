"""Rule `download`: bring a data set's official files onto the disk, or use a local copy of them.

See `data/sources/provide.py` for what is written where.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="entry of the table of sources")
    parser.add_argument("--raw", type=Path, required=True, help="folder for the tree of files")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file to write when the tree is complete")
    parser.add_argument("--local", type=Path, help="local copy to use instead: the official tree or an archive of it")
    parser.add_argument("--sources", type=Path, help="folder of the table of sources (default: the project's)")
    return parser.parse_args()


@command
def main() -> None:
    """Download one source, or use a local copy."""
    arguments = parse_arguments()
    from workflow_scripts.data.sources.catalogue import SOURCES, load_source
    from workflow_scripts.data.sources.provide import provide

    source = load_source(arguments.source, arguments.sources or SOURCES)
    provide(source, arguments.raw, arguments.manifest, arguments.local)


if __name__ == "__main__":
    main()
