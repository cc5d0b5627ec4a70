"""Archives from outside: whole below the target, or not at all."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.data.sources import unpack as module
from workflow_scripts.data.sources.unpack import ArchiveError, unpack
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.faults

FILES = {
    "tree/02691156/a1/image_0.jpg": random.Random(0).randbytes(3000),
    "tree/02691156/a1/latent_0.npy": b"\x93NUMPY" * 20,
    "tree/empty": b"",
    "tree/" + "long/" * 40 + "name.txt": b"beyond the 100 characters of the oldest tar",
    "tree/ünïcode.txt": b"text",
}


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar_bytes(members: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w", form: int | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=form) as tar:  # type: ignore[call-overload]
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zip_bytes(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return file.getvalue()


def good_tar(mode: str, form: int | None = None) -> bytes:
    return tar_bytes([member("tree", type=tarfile.DIRTYPE), *(member(*file) for file in FILES.items())], mode, form)


def read_tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(tmp_path: Path, name: str, content: bytes) -> str:
    """Unpack what must be refused; assert that nothing of it is anywhere, and return the message."""
    archive = tmp_path / "given" / name
    archive.parent.mkdir(exist_ok=True)
    archive.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError) as caught:
        unpack(archive, tmp_path / "target")
    assert sorted(tmp_path.rglob("*")) == before
    assert archive.read_bytes() == content
    assert str(archive) in str(caught.value)
    return str(caught.value)


GOOD = {
    "a.tar": good_tar("w"),
    "a.tar.gz": good_tar("w:gz"),
    "a.zip": zip_bytes([("tree/", b""), *FILES.items()]),
    "A.TGZ": good_tar("w:gz"),
    "gnu.tar": good_tar("w", tarfile.GNU_FORMAT),
    "stored.zip": zip_bytes(FILES.items(), zipfile.ZIP_STORED),
    "dots.tar": tar_bytes(member(f"./{name}", content) for name, content in FILES.items()),
}


@pytest.mark.parametrize("name", GOOD)
def test_unpack_writes_the_members(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(GOOD[name])
    assert unpack(tmp_path / name, tmp_path / "new" / "target") == len(FILES)
    assert read_tree(tmp_path / "new" / "target") == FILES


def test_unpack_takes_over_no_permissions(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_bytes([member("f", b"x", mode=0o4777, uid=0)]))
    unpack(tmp_path / "a.tar", tmp_path / "target")
    assert not (tmp_path / "target" / "f").stat().st_mode & 0o7111


def test_unpack_adds_to_no_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(GOOD["a.zip"])
    (tmp_path / "target").mkdir()
    with pytest.raises(FileExistsError):
        unpack(tmp_path / "a.zip", tmp_path / "target")


LINK = {"type": tarfile.SYMTYPE, "linkname": ".."}
UNSAFE_TARS = {
    "absolute": [member("/etc/evil", b"x")],
    "drive": [member("C:/evil", b"x")],
    "parent": [member("../evil", b"x")],
    "parent-inside": [member("a/../../evil", b"x")],
    "parent-folder": [member("../evil", type=tarfile.DIRTYPE)],
    "backslash": [member("..\\evil", b"x")],
    "symlink": [member("ok", b"x"), member("link", **LINK)],
    "through-symlink": [member("link", **LINK), member("link/evil", b"x")],
    "hardlink": [member("link", type=tarfile.LNKTYPE, linkname="../given/hardlink.tar")],
    "fifo": [member("pipe", type=tarfile.FIFOTYPE)],
    "character-device": [member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "unknown-type": [member("odd", type=b"Q")],
    "twice": [member("a", b"x"), member("./a", b"y")],
    "file-as-folder": [member("a", b"x"), member("a/b", b"y")],
    "folder-as-file": [member("a/b", b"x"), member("a", b"y")],
    "nameless": [member(".", b"x")],
    "long-name": [member("n" * 300, b"x")],
}


@pytest.mark.parametrize("kind", UNSAFE_TARS)
def test_unsafe_tar_is_refused(tmp_path: Path, kind: str) -> None:
    assert "is not safe to unpack" in refused(tmp_path, f"{kind}.tar", tar_bytes(UNSAFE_TARS[kind]))
    assert "is not safe to unpack" in refused(tmp_path, f"{kind}.tgz", tar_bytes(UNSAFE_TARS[kind], "w:gz"))


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


UNSAFE_ZIPS = {
    "absolute": zip_bytes([("/etc/evil", b"x")]),
    "parent": zip_bytes([("ok", b"x"), ("../evil", b"x")]),
    "parent-inside": zip_bytes([("a/../../evil", b"x")]),
    "backslash": zip_bytes([("..\\evil", b"x")]),
    "zero-byte": zip_bytes([("safeXname", b"x")]).replace(b"X", b"\0"),
    "symlink": zip_bytes([(special("link", 0o120777), b"..")]),
    "device": zip_bytes([(special("null", 0o020666), b"")]),
    "folder-with-content": zip_bytes([(special("folder", 0o040777), b"x")]),
    "file-as-folder": zip_bytes([("a", b"x"), ("a/b", b"y")]),
    "nameless": zip_bytes([(".", b"x")]),
}


@pytest.mark.parametrize("kind", UNSAFE_ZIPS)
def test_unsafe_zip_is_refused(tmp_path: Path, kind: str) -> None:
    assert "is not safe to unpack" in refused(tmp_path, f"{kind}.zip", UNSAFE_ZIPS[kind])


def test_zip_with_a_member_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zip_bytes([("a", b"x"), ("a", b"y")])
    assert "twice" in refused(tmp_path, "a.zip", content)


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_bytes([("a", b"x")]))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(tmp_path, "a.zip", bytes(content))


BOMBS: dict[str, Callable[[], bytes]] = {
    "size.tar.gz": lambda: tar_bytes([member("zeros", bytes(80 << 20))], "w:gz"),
    "size.zip": lambda: zip_bytes([("zeros", bytes(80 << 20))]),
    "count.tar.gz": lambda: tar_bytes((member("a", type=tarfile.DIRTYPE) for _ in range(13_000)), "w:gz"),
    "padding.tar.gz": lambda: gzip.compress(tar_bytes([member("a", b"x")]) + bytes(80 << 20)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused(tmp_path: Path, name: str) -> None:
    assert "so small an archive can hold" in refused(tmp_path, name, BOMBS[name]())


def test_sparse_member_is_refused(tmp_path: Path) -> None:
    header = bytearray(member("holes")[0].tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (1 << 20, 0)
    header[483:495] = b"%011o\0" % (1 << 20)
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(header))[0]  # type: ignore[attr-defined]
    assert "special file" in refused(tmp_path, "a.tar", bytes(header) + bytes(10240))


def test_header_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    info, _ = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME)
    info.size = 6 << 30
    tracemalloc.start()
    try:
        refused(tmp_path, "a.tar", info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(10)
def test_negative_size_does_not_loop(tmp_path: Path) -> None:
    info, _ = member("a", pax_headers={"size": "-1024"})
    refused(tmp_path, "a.tar", info.tobuf(tarfile.PAX_FORMAT) + bytes(10240))


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_truncated_archive_is_refused_wherever_it_ends(tmp_path: Path, name: str) -> None:
    content = GOOD[name]
    end = len(content.rstrip(b"\0")) if name == "a.tar" else len(content)
    cuts = {0, 1, 511, 512, 513, 1024, end - 1, *range(7, end, max(1, end // 60)), *range(0, end, 512)}
    for cut in sorted(cuts):
        assert "is damaged or incomplete" in refused(tmp_path, name, content[:cut])


@pytest.mark.parametrize(("name", "position"), [("a.tar.gz", -8), ("stored.zip", GOOD["stored.zip"].index(b"beyond"))])
def test_wrong_checksum_is_found(tmp_path: Path, name: str, position: int) -> None:
    content = bytearray(GOOD[name])
    content[position] ^= 1
    assert "CRC" in refused(tmp_path, name, bytes(content))


def test_tar_with_a_broken_header_in_the_middle_is_refused(tmp_path: Path) -> None:
    content = bytearray(tar_bytes([member("a", b"x"), member("b", b"y"), member("c", b"z")]))
    content[1024 + 100] ^= 0xFF  # tarfile would take this for the end
    refused(tmp_path, "a.tar", bytes(content))


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip", "a.rar"])
def test_web_page_is_no_archive(tmp_path: Path, name: str) -> None:
    message = refused(tmp_path, name, b"<html>" + b"please log in " * 100)
    assert ("is damaged" if name != "a.rar" else "give a folder or a .tar, .tar.gz") in message


def test_full_disk_is_no_fault_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.tar").write_bytes(GOOD["a.tar"])
    monkeypatch.setattr(module, "_write_all", full)
    with pytest.raises(OSError, match="No space"):
        unpack(tmp_path / "a.tar", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["a.tar", "a.tar.gz", "a.zip"]),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_any_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    content = bytearray(GOOD[name])
    for position, value in edits:
        content[position % len(content)] = value
    (folder / name).write_bytes(content)
    try:
        unpack(folder / name, folder / "target")
    except UserError:
        assert not (folder / "target").exists()
    assert {path.name for path in folder.iterdir()} <= {name, "target"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.sampled_from(["a", "b", "..", ".", "", "/", "c.txt", "..."]), min_size=1, max_size=6))
def test_names_that_tarfile_refuses_are_refused(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("names")
    archive, name = folder / "a.tar", "/".join(parts)
    archive.write_bytes(tar_bytes([member(name, b"x")]))
    try:
        tarfile.data_filter(tarfile.TarInfo(name), str(folder / "target"))
        safe = not name.startswith("/")  # tarfile strips the slash, we refuse
    except tarfile.FilterError:
        safe = False
    try:
        unpack(archive, folder / "target")
    except ArchiveError:
        return
    assert safe
    assert [*read_tree(folder / "target").values()] == [b"x"]


def test_zip_that_lies_about_a_size_writes_no_more_than_announced(tmp_path: Path) -> None:
    content = bytearray(zip_bytes([("a", bytes(1000))]))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = content.index(signature) + offset
        content[position : position + 4] = (10).to_bytes(4, "little")
    refused(tmp_path, "a.zip", bytes(content))
