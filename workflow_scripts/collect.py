"""Rule `collect`: the rows of all runs of an experiment as one checked table, Parquet and CSV."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Concatenate, check and sort rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=Path, nargs="+", required=True, help="rows of each run (.parquet)")
    parser.add_argument("--output", type=Path, required=True, help="all rows (.parquet); a .csv is written beside it")
    arguments = parser.parse_args()
    import pandas as pd

    from workflow_scripts.rows import check_rows, read_rows, write_rows
    from workflow_scripts.support.files import write_text

    rows = check_rows(pd.concat([read_rows(path) for path in arguments.inputs]), str(arguments.output))
    write_text(arguments.output.with_suffix(".csv"), rows.to_csv(index=False))
    write_rows(rows, arguments.output)


if __name__ == "__main__":
    main()
