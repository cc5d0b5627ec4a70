"""The table of sources: what a data set's official files are, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.data.sources.fetch import RemoteFile
from workflow_scripts.data.sources.packages import Package
from workflow_scripts.experiment.config import read_yaml
from workflow_scripts.support.errors import UserError

SOURCES = Path(__file__).parent / "sources.yaml"


@dataclass(frozen=True)
class Source:
    """An entry of the table of sources; see the head of sources.yaml."""

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


def list_sources(table: Path = SOURCES) -> list[str]:
    """Return the names of all sources."""
    return list(read_yaml(table))


def load_source(name: str, table: Path = SOURCES) -> Source:
    """Return the entry `name` of the table of sources. Raises `UserError` where it is not a proper one."""

    def remote(entry: dict[str, Any]) -> RemoteFile:
        return RemoteFile(**{**entry, "urls": tuple(entry["urls"])})

    try:
        entries = yaml.safe_load(table.read_text())
        if name not in entries:
            raise UserError(f"there is no source {name!r} in {table}; it has {', '.join(sorted(entries))}")
        entry = dict(entries[name])
        for key, make in (("archive", remote), ("package", lambda package: Package(**package))):
            entry[key] = make(entry[key]) if key in entry else None
        files = tuple(remote(file) for file in entry.pop("files", []))
        return Source(name, files=files, landmarks=tuple(entry.pop("landmarks")), **entry)
    except FileNotFoundError:
        raise UserError(f"{table} does not exist; give the table of sources with --sources") from None
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{table} has no proper entry {name!r} ({error}); compare it with {SOURCES}") from None
