"""Rule `report`: one self-contained HTML page of tables, figures, data and provenance."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--rows", type=Path, required=True, help="rows of the experiment (.parquet)")
    parser.add_argument("--papers", type=Path, nargs="+", required=True, help="papers/*.yaml")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, help="meta.json of each packed source")
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="tables (.json)")
    parser.add_argument("--figures", type=Path, nargs="*", default=[], help="figures (.png)")
    parser.add_argument("--faults", type=Path, default=Path("results/faults.json"), help="table of `make faults`")
    parser.add_argument("--datasets", type=json.loads, required=True, help="groups of each data set, as JSON")
    parser.add_argument("--times", type=Path, nargs="*", default=[], help="time.tsv of each job")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folder of each planned run")
    parser.add_argument("--output", type=Path, required=True, help="page to write (.html)")
    arguments = parser.parse_args()
    from workflow_scripts.reporting.page import make_page
    from workflow_scripts.support.files import write_text

    given = vars(arguments)
    output = given.pop("output")
    write_text(output, make_page(**given))


if __name__ == "__main__":
    main()
