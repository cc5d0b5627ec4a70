"""Rule `tables`: scorecards, and every table of the papers beside the published values, in four formats."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that tables and figures share."""
    parser.add_argument("--rows", type=Path, required=True, help="rows of the experiment (.parquet)")
    parser.add_argument("--papers", type=Path, nargs="+", required=True, help="papers/*.yaml")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, help="meta.json of each packed source")
    parser.add_argument(
        "--datasets", type=json.loads, required=True, help="source, benchmark, groups and methods by data set, as JSON"
    )
    parser.add_argument("--histories", type=Path, nargs="*", default=[], help="history.jsonl of each run")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")


@command
def main() -> None:
    """Write all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_view_arguments(parser)
    arguments = parser.parse_args()
    from workflow_scripts.reporting.cells import make_tables, read_material
    from workflow_scripts.reporting.formats import FORMATS, lay_out
    from workflow_scripts.reporting.scorecard import make_scorecards
    from workflow_scripts.support.files import write_text

    material = read_material(arguments.rows, arguments.sources, arguments.datasets, arguments.histories)
    tables = [lay_out(table) for table in make_tables(material, arguments.papers)]
    for table in (*make_scorecards(material, arguments.papers), *tables):
        for ending, convert in FORMATS.items():
            write_text(arguments.output / f"{table.scope}.{table.name}.{ending}", convert(table))


if __name__ == "__main__":
    main()
