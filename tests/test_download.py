"""The download step: from the web, from local copies, and killed in the middle."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import misbehaving_server
import pytest
import yaml
from misbehaving_server import Page, Server

from workflow_scripts.data.sources.catalogue import Source
from workflow_scripts.data.sources.fetch import RemoteFile
from workflow_scripts.data.sources.provide import provide
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, read_json
from workflow_scripts.support.locks import exclusive

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[1]
server = misbehaving_server.server  # the fixture
IMAGES = {f"02691156/a{i}/image_{j}.jpg": random.Random(i * 10 + j).randbytes(500) for i in range(3) for j in range(2)}
SYNSET = "[0-9]" * 8
SPLITS = {"train_images.npy": b"train", "val_images.npy": b"val"}


def archive_of(files: dict[str, bytes], top: str = "3DIEBench/", mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def write_tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".unpacked.json"
    }


@pytest.fixture
def source(server: Server) -> Source:
    """A tiny 3DIEBench: two of the split files beside the archive, one of them with a known digest."""
    server.pages["/tiny.tar.gz"] = Page(archive_of(IMAGES))
    server.pages.update({f"/{name}": Page(content) for name, content in SPLITS.items()})
    names = ("tiny.tar.gz", *SPLITS)
    archive, *files = (RemoteFile(name, (f"{server.url}/{name}",)) for name in names)
    files[1] = replace(files[1], size=3)
    return Source("tiny", "A tiny set.", "none", "nobody checks it", (SYNSET,), archive, tuple(files))


@pytest.fixture
def run(tmp_path: Path, source: Source) -> Callable[..., dict[str, Any]]:
    """Provide the tiny source in tmp_path/tiny and return the manifest."""

    def run(local: Path | None = None, **changes: Any) -> dict[str, Any]:
        manifest = tmp_path / "tiny" / "raw.json"
        manifest.unlink(missing_ok=True)  # as Snakemake does
        provide(replace(source, **changes), tmp_path / "tiny" / "raw", manifest, local, pause=0)
        return read_json(manifest)

    return run


def test_download_makes_a_tree_and_a_manifest(run, source: Source, server: Server, tmp_path: Path) -> None:
    manifest = run()
    root = tmp_path / "tiny" / "raw" / "3DIEBench"
    assert tree(root) == IMAGES | SPLITS
    assert manifest["root"] == str(root)
    assert manifest["source"] == "tiny"
    assert manifest["caveat"] == "nobody checks it"
    assert manifest["sha256"] == hash_file(tmp_path / "tiny" / "raw.downloads" / "tiny.tar.gz")
    assert {"description", "licence", "archive", "files", "settings_hash"} <= manifest.keys()
    server.server_close()
    shutil.rmtree(tmp_path / "tiny" / "raw.downloads")
    assert run() == manifest  # nothing is fetched twice


def test_archive_that_brings_the_split_files_keeps_them(run, server: Server, tmp_path: Path) -> None:
    server.pages["/tiny.tar.gz"] = Page(archive_of(IMAGES | {"train_images.npy": b"own"}, top=""))
    manifest = run()
    assert manifest["root"] == str(tmp_path / "tiny" / "raw")
    assert tree(Path(manifest["root"])) == IMAGES | SPLITS | {"train_images.npy": b"own"}


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda _: archive_of({"../evil": b"x"}, top="")])
def test_bad_archive_from_the_web_is_set_aside_and_fetched_anew(
    run, server: Server, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    good = server.pages["/tiny.tar.gz"]
    server.pages["/tiny.tar.gz"] = replace(good, content=damage(good.content), etag='"bad"')
    with pytest.raises(UserError, match=r"tiny\.tar\.gz is .*rejected"):
        run()
    assert not (tmp_path / "tiny" / "raw.json").exists()
    assert {path.name for path in (tmp_path / "tiny").iterdir()} == {"raw.downloads"}
    server.pages["/tiny.tar.gz"] = good
    assert tree(Path(run()["root"])) == IMAGES | SPLITS


def test_archive_of_something_else_is_refused(run, server: Server) -> None:
    server.pages["/tiny.tar.gz"] = Page(archive_of({"readme": b"x"}))
    with pytest.raises(UserError, match=r"tiny\.tar\.gz does not hold tiny in its official layout"):
        run()


def test_unreachable_host_leads_to_the_local_path(run, server: Server, source: Source) -> None:
    server.server_close()
    with pytest.raises(UserError, match=r"cannot reach http://127.*sources\.tiny\.path") as caught:
        run()
    assert source.files[0].urls[0] in str(caught.value)


def test_local_folder_is_used_in_place(run, tmp_path: Path, server: Server) -> None:
    folder = write_tree(tmp_path / "mine", IMAGES | SPLITS)
    manifest = run(folder)
    assert manifest["root"] == str(folder)
    assert "local folder" in manifest["caveat"]
    assert tree(folder) == IMAGES | SPLITS
    assert not (tmp_path / "tiny" / "raw").exists()
    assert not server.requests


def test_local_folder_around_the_tree_is_followed_inwards(run, tmp_path: Path) -> None:
    write_tree(tmp_path / "mine" / "3DIEBench", IMAGES | SPLITS | {"val_images.npy": b"changed"})
    manifest = run(tmp_path / "mine")
    assert manifest["root"] == str(tmp_path / "mine" / "3DIEBench")
    assert "val_images.npy differ from the published ones" in manifest["caveat"]


def test_local_folder_without_split_files_is_not_written_to(run, tmp_path: Path, source: Source) -> None:
    folder = write_tree(tmp_path / "mine", IMAGES)
    with pytest.raises(UserError, match=r"mine lacks train_images\.npy, val_images\.npy; put there what http"):
        run(folder)
    assert tree(folder) == IMAGES


@pytest.mark.parametrize("kind", ["local.tgz", "local.tar", "local.zip"])
def test_local_archive_is_unpacked(run, tmp_path: Path, server: Server, kind: str) -> None:
    archive = write_tree(tmp_path / "mine", SPLITS) / kind
    archive.write_bytes(archive_of(IMAGES, mode="w" if kind.endswith("tar") else "w:gz"))
    if kind.endswith("zip"):
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in IMAGES.items():
                file.writestr(name, content)
    manifest = run(archive)
    assert tree(Path(manifest["root"])) == IMAGES | SPLITS  # the split files stand beside it
    assert manifest["archive"] == kind
    assert not server.requests
    assert archive.exists()


def test_local_archive_that_differs_from_the_published_one_is_said(run, tmp_path: Path, source: Source) -> None:
    archive = write_tree(tmp_path / "mine", SPLITS) / "mine.tgz"
    archive.write_bytes(archive_of(IMAGES))
    assert "mine.tgz" not in run(archive)["caveat"]
    published = replace(source.archive, md5="0" * 32)
    shutil.rmtree(tmp_path / "tiny")
    assert "unpacked from mine.tgz, which is not the published tiny.tar.gz" in run(archive, archive=published)["caveat"]


def test_local_archive_without_split_files_is_unpacked_once(run, tmp_path: Path, server: Server) -> None:
    archive = tmp_path / "mine.tgz"
    archive.write_bytes(archive_of(IMAGES))
    del server.pages["/val_images.npy"]
    with pytest.raises(UserError, match=r"val_images\.npy answered 404.*put it beside"):
        run(archive)
    unpacked = (tmp_path / "tiny" / "raw").stat().st_ino
    write_tree(tmp_path, SPLITS)
    assert tree(Path(run(archive)["root"])) == IMAGES | SPLITS
    assert (tmp_path / "tiny" / "raw").stat().st_ino == unpacked


def test_another_archive_replaces_the_tree(run, tmp_path: Path) -> None:
    first = run()
    archive = write_tree(tmp_path / "mine", SPLITS) / "mine.tgz"
    archive.write_bytes(archive_of({"12345678/a/image_0.jpg": b"x"}))
    second = run(archive)
    assert tree(Path(second["root"])) == {"12345678/a/image_0.jpg": b"x"} | SPLITS
    assert second["settings_hash"] != first["settings_hash"]
    assert {path.name for path in (tmp_path / "tiny").iterdir()} == {"raw", "raw.downloads", "raw.json"}


def test_tree_of_unknown_origin_is_left_alone(run, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "tiny" / "raw", IMAGES)
    with pytest.raises(UserError, match=r"was not unpacked by this step.*sources\.tiny\.path"):
        run()
    assert tree(folder) == IMAGES


def test_missing_local_path_is_one_sentence(run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist; set the config key sources\.tiny\.path"):
        run(tmp_path / "nowhere")


def start(server: Server, source: Source, folder: Path) -> subprocess.Popen[bytes]:
    """Start the command line on a table of sources that leads to the server."""

    def entry(file: RemoteFile) -> dict[str, Any]:
        return {"name": file.name, "urls": list(file.urls), "size": None, "md5": None, "sha256": None}

    fields: dict[str, Any] = {"description": "", "licence": "", "caveat": "", "landmarks": [SYNSET]}
    fields |= {"archive": entry(source.archive), "files": [entry(file) for file in source.files]}
    (folder / "sources").mkdir(exist_ok=True)
    (folder / "sources" / "tiny.yaml").write_text(yaml.safe_dump(fields))
    arguments = ["--source", "tiny", "--sources", "sources", "--raw", "tiny/raw", "--manifest", "tiny/raw.json"]
    return subprocess.Popen(
        [sys.executable, "-m", "workflow_scripts.download", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors


def test_killed_download_goes_on_where_it_was(server: Server, source: Source, tmp_path: Path) -> None:
    content = archive_of({**IMAGES, "02691156/big": random.Random(5).randbytes(5 << 20)})
    server.pages["/tiny.tar.gz"] = Page(content, pause=0.02)
    part = tmp_path / "tiny" / "raw.downloads" / "tiny.tar.gz.part"
    kill_when(start(server, source, tmp_path), lambda: part.exists() and part.stat().st_size > 0)
    kept = part.read_bytes()
    assert kept == content[: len(kept)]
    assert not (tmp_path / "tiny" / "raw.json").exists()
    server.pages["/tiny.tar.gz"].pause = 0.0
    finish(start(server, source, tmp_path))
    assert server.requests[-1] == ("/tiny.tar.gz", f"bytes={len(kept)}-")
    assert part.with_suffix("").read_bytes() == content


def test_killed_unpacking_leaves_no_tree_and_starts_anew(server: Server, source: Source, tmp_path: Path) -> None:
    files = {f"02691156/a{i // 100}/image_{i}.jpg": b"x" * 50 for i in range(15_000)}
    server.pages["/tiny.tar.gz"] = Page(archive_of(files, top=""))
    partial = tmp_path / "tiny" / "raw.partial" / "02691156" / "a5"
    kill_when(start(server, source, tmp_path), partial.exists)
    assert not (tmp_path / "tiny" / "raw").exists()
    (tmp_path / "tiny" / "raw.partial" / "junk").write_text("left by the killed run")
    finish(start(server, source, tmp_path))
    assert tree(tmp_path / "tiny" / "raw") == files | SPLITS
    assert len([path for path, _ in server.requests if path == "/tiny.tar.gz"]) == 1


def test_two_downloads_at_once_are_refused(run, tmp_path: Path) -> None:
    with exclusive(tmp_path / "tiny" / "raw.downloads"), pytest.raises(UserError, match="another process is writing"):
        run()


def test_help_is_light() -> None:
    code = (
        "import runpy, sys\nsys.argv = ['download', '--help']\n"
        "try: runpy.run_module('workflow_scripts.download', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print({'torch', 'numpy', 'requests', 'tqdm', 'yaml'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--local" in result.stdout
    assert result.stdout.endswith("set()\n")
