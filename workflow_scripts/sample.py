"""`make sample`: keep a report as docs/sample/index.html, the sample that README.md and the site link to."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.support.errors import UserError, command
from workflow_scripts.support.files import write_bytes

SAMPLE = ROOT / "docs" / "sample" / "index.html"
MOST = 2_000_000  # bytes: it stands in the repository, and is looked at on phones


def copy_sample(report: Path, sample: Path) -> int:
    """Copy the page of a report, which needs no other file, and return its size in bytes.

    Raises `UserError` for a folder without a page, and for a page that is too large.
    """
    page = report / "index.html"
    if not page.is_file():
        raise UserError(f"there is no {page}; make the report first, or name the folder of another: --report <folder>")
    content = page.read_bytes()
    if len(content) > MOST:
        raise UserError(
            f"{page} has {len(content) / 1e6:.1f} MB, and a sample at most {MOST / 1e6:.0f}; "
            "take a smaller experiment's"
        )
    write_bytes(sample, content)
    return len(content)


@command
def main() -> None:
    """Copy the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path("reports") / read_yaml(ROOT / "config.yaml")["experiment"]
    parser.add_argument("--report", type=Path, default=default, help="folder of a report (default: %(default)s)")
    size = copy_sample(parser.parse_args().report, SAMPLE)
    print(f"written: {SAMPLE.relative_to(ROOT)}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
