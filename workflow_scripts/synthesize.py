"""Rule `synthesize`: write synthetic patients in the schema of MIMIC-III, whose structure is known.

Writes the CSV files to the folder RAW and, last, the manifest. Each file is whole or absent; killed at any moment,
the same command writes the same bytes again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workflow_scripts.support.errors import UserError, command

if TYPE_CHECKING:
    from workflow_scripts.data.mimic3.synthetic import SyntheticSettings

CAVEAT = (
    "synthetic patients, drawn from a few equations by this project: no patient is real, nothing here has a clinical "
    "meaning, and no number is comparable with one of MIMIC-III"
)
STAMP = "settings.json"  # what the folder's tables were made with (ours)


def write_cohort(raw: Path, manifest: Path, source: str, settings: SyntheticSettings) -> None:
    """Write the tables to the folder `raw`, over those of other settings, and then `manifest`.

    Raises `UserError` if `raw` holds anything that this step did not write.
    """
    from workflow_scripts.data.mimic3.synthetic import compute_truth, sample_patients
    from workflow_scripts.data.mimic3.synthetic_tables import COLUMNS, make_tables
    from workflow_scripts.support.files import exclusive, hash_file, write_bytes, write_json

    found = list(raw.iterdir()) if raw.is_dir() else [raw] if raw.exists() else []
    if not (raw / STAMP).exists() and any(not path.name.startswith(".") for path in found):
        raise UserError(f"{raw} holds files that this step did not write; move them away, or choose another folder")
    with exclusive(raw):
        manifest.unlink(missing_ok=True)
        for stray in (stray for name in (STAMP, *COLUMNS) for stray in raw.glob(f".{name}*")):
            stray.unlink()  # unfinished files of a killed run
        write_json(raw / STAMP, settings.describe())
        digests = {}
        for name, content in make_tables(sample_patients(settings), settings.seed):
            write_bytes(raw / name, content)
            digests[name] = hash_file(raw / name)
        write_json(
            manifest,
            {
                "root": str(raw),
                "source": source,
                "description": f"{settings.patients} synthetic patients in the schema of MIMIC-III v1.4, one stay each",
                "caveat": CAVEAT,
                "settings_hash": settings.hash(),
                "sha256": digests,
                "truth": compute_truth(settings),
            },
        )


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
    from workflow_scripts.data.mimic3.synthetic import parse_settings
    from workflow_scripts.support.files import parse_json

    arguments = parse_arguments()
    given = parse_json(arguments.settings, "--settings")
    write_cohort(arguments.raw, arguments.manifest, arguments.source, parse_settings(given))


if __name__ == "__main__":
    main()
