"""Unpack an archive from outside: regular files and folders, below one fresh folder, or nothing.

Archives are read once, front to back, and each file is written as it comes: 3DIEBench (Garrido et
al. 2023) has 5.2 million of them. Links, devices and other special members are refused, so that no
link can ever stand in the path of a later member, and checking names as text is enough.

Why not `tarfile.extractall(filter="data")`: it looks every path up on disk and sets modes and times, which takes three
times as long for many small files; it keeps the header of every member in memory; it takes an archive without its end
for a whole one, knows no limit of size, and lets links in. Its filter checks the name of each folder here.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from tqdm import tqdm

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.progress import make_bar

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
CHUNK = 1 << 20  # bytes per read; also the longest header that a tar may ask to hold in memory

# An archive of photographs grows by a tenth, one of tables tenfold; deflate allows 1032-fold.
MAX_EXPANSION = 50  # unpacked bytes per byte of archive ...
FREE_BYTES = 64 << 20  # ... beyond these
# The tar header of an empty file compresses to some 30 bytes where the names are alike.
MIN_BYTES_PER_MEMBER = 16  # bytes of archive per member ...
FREE_MEMBERS = 10_000  # ... beyond these

# What tarfile, zipfile and gzip raise for bytes that are not what they should be.
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    RecursionError,
    NotImplementedError,
)


class ArchiveError(UserError):
    """The archive is damaged, incomplete or unsafe. Nothing of it has been kept."""


def unpack(archive: Path, target: Path) -> int:
    """Unpack a .tar, .tar.gz, .tgz or .zip into `target`, which must not exist yet.

    Returns the number of files. Only contents are taken over: no owners, modes or times.
    Raises `ArchiveError` for a damaged, truncated or unsafe archive. After any failure but a kill
    `target` is gone again.
    """
    kind = archive.name.lower()
    if not kind.endswith(SUFFIXES):
        raise ArchiveError(f"{archive} is not an archive of a known kind; give a folder or a {', '.join(SUFFIXES)}")
    target.mkdir(parents=True)
    try:
        with (
            open(archive, "rb", buffering=CHUNK) as file,
            make_bar(f"unpack {archive.name}", archive.stat().st_size, "B", unit_scale=True) as bar,
        ):
            writer = _Writer(archive, target)
            if kind.endswith(".zip"):
                _unpack_zip(file, writer, bar)
            else:
                _unpack_tar(file, writer, bar, compressed=not kind.endswith(".tar"))
        return writer.files
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, DAMAGE):
            reason = str(error) or type(error).__name__
            raise ArchiveError(f"{archive} is damaged or incomplete ({reason}); get it again") from error
        raise


class _Writer:
    """Writes files below one fresh folder and nowhere else, within the limits."""

    def __init__(self, archive: Path, target: Path) -> None:
        self.archive, self.target = archive, str(target)
        size = archive.stat().st_size
        self.bytes_left = size * MAX_EXPANSION + FREE_BYTES
        self.members_left = size // MIN_BYTES_PER_MEMBER + FREE_MEMBERS
        self.files = 0
        self.folders = {self.target}

    def refuse(self, name: str, why: str) -> ArchiveError:
        return ArchiveError(f"{self.archive} is not safe to unpack: its member {name!r} {why}; get it from its origin")

    def spend(self, name: str, size: int) -> None:
        """Count a member of `size` bytes against the limits."""
        self.members_left -= 1
        self.bytes_left -= size
        if size < 0 or self.bytes_left < 0 or self.members_left < 0:
            raise self.refuse(name, "takes it beyond the size or number of files that so small an archive can hold")

    def path(self, name: str) -> str:
        """Return where a member belongs. Raises `ArchiveError` for a name that may lead elsewhere."""
        if name.startswith("/") or re.match("[A-Za-z]:", name):
            raise self.refuse(name, "has an absolute path")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts or "\\" in name or "\0" in name:
            raise self.refuse(name, "has a path that may lead out of the folder")
        return "/".join([self.target, *parts])

    def folder(self, name: str, path: str) -> None:
        """Make the folder `path`, for the member `name`."""
        if path in self.folders:
            return
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise self._explain(name, error) from error
        self.folders.add(path)

    def file(self, name: str, size: int, read: Callable[[int], bytes]) -> None:
        """Write the next `size` bytes of `read` to a new file."""
        path = self.path(name)
        self.folder(name, os.path.dirname(path))
        try:
            file = open(path, "xb", buffering=0)  # noqa: SIM115 (the with block must not catch the reader's errors)
        except OSError as error:
            raise self._explain(name, error) from error
        with file:
            while size > 0:
                content = read(min(size, CHUNK))
                if not content:
                    raise EOFError(f"{name!r} breaks off")
                _write_all(file, content)
                size -= len(content)
        self.files += 1

    def _explain(self, name: str, error: OSError) -> OSError | ArchiveError:
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            return self.refuse(name, "is there twice, or both as a file and as a folder")
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            return self.refuse(name[:80], f"has a name that this disk cannot hold ({error.strerror})")
        return error


def _write_all(file: io.FileIO, content: bytes) -> None:
    """Write all of `content`: an unbuffered write to a nearly full disk may take only a part of it."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


class _MemberStream(io.RawIOBase):
    """The tar inside the archive, read front to back only, as tarfile's file object.

    `last` holds what the last read returned: after the last member that must be the block of zeros
    that ends a tar, which tarfile itself does not insist on.
    """

    def __init__(self, stream: IO[bytes], file: IO[bytes], writer: _Writer, bar: tqdm[Any]) -> None:
        self._stream, self._file, self._writer, self._bar = stream, file, writer, bar
        self._position = self._shown = 0
        self.last = b""
        self._limit = writer.bytes_left

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        if self._position > self._limit:
            raise self._writer.refuse("(its headers)", "takes it beyond the size that so small an archive can hold")
        if self._position > self._shown + 16 * CHUNK:
            self._shown = self._position
            self._bar.update(self._file.tell() - self._bar.n)
        return self.last

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < self._position:
            raise tarfile.ReadError("members that overlap")
        while self._position < position and self.read(min(position - self._position, CHUNK)):
            pass
        return self._position


def _unpack_tar(file: IO[bytes], writer: _Writer, bar: tqdm[Any], compressed: bool) -> None:
    whole = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if compressed else file
    stream = _MemberStream(whole, file, writer, bar)
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps all headers otherwise: gigabytes here
            _take_tar_member(member, writer, stream)
    if stream.last != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the mark of its end is missing")
    while stream.read(CHUNK):  # gzip compares its checksum at the end of the stream only
        pass
    bar.update(file.tell() - bar.n)


def _take_tar_member(member: tarfile.TarInfo, writer: _Writer, stream: _MemberStream) -> None:
    writer.spend(member.name, member.size)
    if not (member.isdir() or (member.isreg() and not member.issparse())):
        raise writer.refuse(member.name, "is a link, a device or another special file")
    path = writer.path(member.name)
    folder = path if member.isdir() else os.path.dirname(path)
    if folder not in writer.folders:
        # tarfile's own filter looks every path up on disk: too slow to be asked about each file.
        tarfile.data_filter(member, writer.target)
    if member.isdir():
        writer.folder(member.name, folder)
    else:
        writer.file(member.name, member.size, stream.read)


def _unpack_zip(file: IO[bytes], writer: _Writer, bar: tqdm[Any]) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        for member in members:  # the table of contents is checked before anything is written
            _check_zip_member(member, writer)
        for member in members:
            if member.is_dir():
                writer.folder(member.filename, writer.path(member.filename))
            else:
                with archive.open(member) as content:  # compares the checksum with the last byte read
                    writer.file(member.filename, member.file_size, content.read)
            bar.update(member.compress_size)


def _check_zip_member(member: zipfile.ZipInfo, writer: _Writer) -> None:
    writer.path(member.orig_filename)  # zipfile cuts names at a zero byte
    writer.spend(member.filename, member.file_size)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        raise writer.refuse(member.filename, "is a link, a device or another special file")
    if member.flag_bits & 1:
        raise ArchiveError(f"{writer.archive} is encrypted; unpack it yourself and give the folder")
