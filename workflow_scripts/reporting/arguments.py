"""What the command lines of reporting share."""

from __future__ import annotations

import argparse
from pathlib import Path


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
