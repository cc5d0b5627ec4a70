"""Rule `tables`: scorecards, and every table of the papers beside the published values, in four formats."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import command
from workflow_scripts.support.files import parse_json


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that tables, figures and the report share."""
    parser.add_argument("--rows", type=Path, required=True, help="rows of the experiment (.parquet)")
    parser.add_argument("--papers", type=Path, nargs="*", default=[], help="folders of papers")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, help="meta.json of each packed source")
    parser.add_argument(
        "--datasets",
        required=True,
        help="source, benchmarks by paper, groups, kind of views, methods and settings of runs by data set, as JSON",
    )
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folder of each planned run")


@command
def main() -> None:
    """Write all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_view_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    datasets = parse_json(arguments.datasets, "--datasets")
    from workflow_scripts.reporting.cells import make_tables, read_material
    from workflow_scripts.reporting.formats import FORMATS, lay_out
    from workflow_scripts.reporting.papers import read_paper
    from workflow_scripts.reporting.scorecard import make_scorecards
    from workflow_scripts.support.files import write_text

    material = read_material(arguments.rows, arguments.sources, datasets, arguments.runs)
    for paper in map(read_paper, arguments.papers):
        for table in (*make_scorecards(material, paper), *map(lay_out, make_tables(material, paper))):
            for ending, convert in FORMATS.items():
                write_text(arguments.output / f"{table.place.stem}.{ending}", convert(table))


if __name__ == "__main__":
    main()
