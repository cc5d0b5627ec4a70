"""Synthetic patients as a raw source: tables in the schema of MIMIC-III, and the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow_scripts.data.mimic3.synthetic import SyntheticSettings, compute_truth, parse_settings, sample_patients
from workflow_scripts.data.mimic3.synthetic_tables import COLUMNS, make_tables
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, write_bytes, write_json
from workflow_scripts.support.locks import exclusive

CAVEAT = (
    "synthetic patients, drawn from a few equations by this project: no patient is real, nothing here has a clinical "
    "meaning, and no number is comparable with one of MIMIC-III"
)
STAMP = "settings.json"  # what the folder's tables were made with (ours)


def write_cohort(raw: Path, manifest: Path, source: str, settings: SyntheticSettings) -> None:
    """Write the tables to the folder `raw`, over those of other settings, and then `manifest`.

    Raises `UserError` if `raw` holds anything that this step did not write.
    """
    found = list(raw.iterdir()) if raw.is_dir() else [raw] if raw.exists() else []
    if not (raw / STAMP).exists() and any(not path.name.startswith(".") for path in found):
        raise UserError(f"{raw} holds files that this step did not write; move them away, or choose another folder")
    with exclusive(raw):
        manifest.unlink(missing_ok=True)
        for stray in (stray for name in (STAMP, *COLUMNS) for stray in raw.glob(f".{name}*")):
            stray.unlink()  # unfinished files of a killed run
        write_json(raw / STAMP, settings.as_json())
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


class SyntheticPatients:
    """What the rule `synthesize` calls. inputs: the setting that says how many rows there will be."""

    Settings = SyntheticSettings
    inputs = "patients"

    @staticmethod
    def write(raw: Path, manifest: Path, source: str, given: Any) -> None:
        """Write the raw data of settings that are given as JSON has them; a bad one is a `UserError`."""
        write_cohort(raw, manifest, source, parse_settings(given))


SYNTHESIZER = SyntheticPatients
