"""Rule `tables`: scorecards, and every table of the papers beside the published values, in four formats."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.reporting.arguments import add_view_arguments
from workflow_scripts.support.errors import command
from workflow_scripts.support.files import parse_json


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
