"""Rule `report`: one self-contained HTML page of tables, figures, data and provenance."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.reporting.arguments import add_view_arguments
from workflow_scripts.support.errors import command
from workflow_scripts.support.files import parse_json


@command
def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    add_view_arguments(parser)
    parser.add_argument("--evaluators", nargs="*", default=[], help="evaluators that the experiment asks for")
    parser.add_argument("--tables", type=Path, required=True, help="folder of tables")
    parser.add_argument("--figures", type=Path, required=True, help="folder of figures")
    parser.add_argument("--attacks", type=Path, default=Path("results/attack.json"), help="what `make attack` wrote")
    parser.add_argument("--output", type=Path, required=True, help="page to write (.html)")
    given = vars(parser.parse_args())
    output, datasets = given.pop("output"), parse_json(given.pop("datasets"), "--datasets")
    from workflow_scripts.reporting.page import make_page
    from workflow_scripts.support.files import write_text

    write_text(output, make_page(**given, datasets=datasets))


if __name__ == "__main__":
    main()
