"""Packing under kills, full disks and damaged files: no half data set is ever taken for a whole one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from raw_trees import digests, leave_unfinished, make_small_3diebench, write_manifest

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.locks import exclusive

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("unsynced")]


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """The manifest of a tree that takes about a second to pack: 100 objects, 20 views."""
    folder = tmp_path_factory.mktemp("large")
    root = make_small_3diebench(folder / "raw", train=75, val=25, views=20, side=256, different=10)
    return write_manifest(folder / "raw.json", root)


def _start(manifest, output, *options):
    command = [sys.executable, "-m", "workflow_scripts.pack", "--layout", "threediebench", "--resolution", "32"]
    command += ["--manifest", str(manifest), "--output", str(output), *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PACK_TEST": str(output)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _stored(partial: Path) -> int:
    journal = partial / "done"
    return journal.read_bytes().count(1) if journal.exists() else 0


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_and_rerun_gives_the_same_bytes(large, tmp_path, workers):
    """kill -9 in the middle, twice; then the run goes to its end and equals an unbroken one."""
    partial = tmp_path / "packed.partial"
    kept = 0
    for _ in range(2):
        process = _start(large, tmp_path / "packed", "--workers", workers, "--journal-seconds", 0)
        while _stored(partial) <= kept + 10:
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert kept < _stored(partial) < 100, "the kill did not come in the middle"
        kept = _stored(partial)
        assert not (tmp_path / "packed").exists()
    before = (partial / "inputs.npy").stat().st_ino
    pack(large, tmp_path / "packed", "threediebench", 32, workers=1)
    assert (tmp_path / "packed" / "inputs.npy").stat().st_ino == before, "the work of the killed runs was thrown away"
    pack(large, tmp_path / "unbroken", "threediebench", 32, workers=1)
    assert digests(tmp_path / "packed") == digests(tmp_path / "unbroken")


def test_workers_of_a_killed_run_end(large, tmp_path):
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs Linux's /proc to see other processes")
    process = _start(large, tmp_path / "packed", "--workers", 2, "--journal-seconds", 0)
    while not _stored(tmp_path / "packed.partial"):
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.002)
    mark = str(tmp_path / "packed")
    assert len(_belonging(mark)) > 2, "the run, and its workers"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while left := _belonging(mark):
        assert time.monotonic() < deadline, f"processes {left} outlive the killed run"
        time.sleep(0.05)


def _belonging(mark: str) -> set[str]:
    """Return the processes that were started with an environment variable of this value."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PACK_TEST={mark}".encode() in entry.read_bytes():
                found.add(entry.parts[2])
        except OSError:  # it has ended, or is not ours
            continue
    return found


def test_only_journalled_objects_are_trusted(raw, tmp_path):
    """Power loss: data without a journal entry may be garbage, and is written again."""
    pack(raw, tmp_path / "unbroken", "threediebench", 16, workers=1)
    leave_unfinished(raw, tmp_path / "packed", 16)
    partial = tmp_path / "packed.partial"
    journal = bytearray((partial / "done").read_bytes())
    assert journal == b"\1" * 12
    journal[3] = journal[11] = 0
    (partial / "done").write_bytes(journal)
    images = np.load(partial / "inputs.npy", mmap_mode="r+")
    images[[3, 11]] = 99
    images.flush()
    pack(raw, tmp_path / "packed", "threediebench", 16, workers=1)
    assert digests(tmp_path / "packed") == digests(tmp_path / "unbroken")


def test_data_reach_the_disk_before_the_journal_says_so(raw, tmp_path, monkeypatch, small_tasks):
    """The order that a power loss needs: write, sync, and only then note. (Nothing else here can lose power.)"""
    events = []
    write, name = os.pwrite, lambda handle: Path(os.readlink(f"/proc/self/fd/{handle}")).name
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(("sync", name(handle))))
    monkeypatch.setattr(os, "pwrite", lambda *call: events.append(("write", name(call[0]))) or write(*call))
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1, journal_seconds=0)
    unsynced, noted = set(), 0
    for kind, file in events:
        if (kind, file) == ("write", "done"):
            assert not unsynced, f"noted before {unsynced} reached the disk"
            noted += 1
        elif kind == "write":
            unsynced.add(file)
        else:
            unsynced.discard(file)
    assert noted == 12
    assert events[-1] == ("sync", "packed"), "at last the folder's names"


@pytest.mark.parametrize("moved", range(7))
@pytest.mark.parametrize("emptied", [False, True])
def test_interrupted_publication(raw, tmp_path, monkeypatch, moved, emptied):
    """Stopped after any of the moves to the packed folder, also where the engine then empties that folder."""
    pack(raw, tmp_path / "unbroken", "threediebench", 8, workers=1)
    pack(raw, tmp_path / "packed", "threediebench", 12, workers=1)
    replace, calls = os.replace, []

    def stop_at(source, target):
        if Path(target).parent.name == "packed":
            calls.append(target)
            if len(calls) > moved:
                raise RuntimeError("stopped")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("workflow_scripts.data.packing.os.replace", stop_at)
        if moved < 6:
            with pytest.raises(RuntimeError):
                pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
            with pytest.raises(UserError, match=r"meta.json does not exist"):
                PackedDataset(tmp_path / "packed")
        else:
            pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    if emptied:
        for path in (tmp_path / "packed").iterdir():
            path.unlink()
    if not emptied or moved <= 3:  # images and latents are still there: nothing is decoded twice
        monkeypatch.setattr("workflow_scripts.data.writer.store_objects", None)
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert digests(tmp_path / "packed") == digests(tmp_path / "unbroken")
    assert not (tmp_path / "packed.partial").exists()


def test_too_small_a_disk_is_said_before_any_work(raw, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("workflow_scripts.data.writer.shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"packing needs 0\.1 GB in .*, but 0\.0 GB are free; make room"):
        pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert not (tmp_path / "packed.partial" / "inputs.npy").exists()


def test_full_disk_keeps_what_is_done(raw, tmp_path, monkeypatch, small_tasks):
    """The disk fills in the third object, after writes that each took less than they were given."""
    pack(raw, tmp_path / "unbroken", "threediebench", 8, workers=1)
    write, free = os.pwrite, [int(2.5 * (3 * (8 * 8 * 3 + 7 * 4) + 2 * 3 * 8))]

    def fill_up(handle, content, offset):
        if len(content) == 1:  # the journal, which has its blocks already
            return write(handle, content, offset)
        free[0] -= (written := write(handle, content[:50], offset))
        if free[0] < 0:
            raise OSError(28, "No space left on device")
        return written

    with monkeypatch.context() as patch:
        patch.setattr("workflow_scripts.data.writer.os.pwrite", fill_up)
        with pytest.raises(OSError, match="No space left"):
            pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert (tmp_path / "packed.partial" / "done").read_bytes() == b"\1\1" + bytes(10)
    pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)
    assert digests(tmp_path / "packed") == digests(tmp_path / "unbroken")


def test_two_packings_at_once_are_refused(raw, tmp_path):
    with exclusive(tmp_path / "packed.partial"), pytest.raises(UserError, match="another process is writing"):
        pack(raw, tmp_path / "packed", "threediebench", 8, workers=1)


def test_a_failed_packing_leaves_the_old_one(tmp_path):
    root = make_small_3diebench(tmp_path / "raw")
    manifest = write_manifest(tmp_path / "raw.json", root)
    pack(manifest, tmp_path / "packed", "threediebench", 16, workers=1)
    before = digests(tmp_path / "packed")
    image = root / "pot/0009/image_2.jpg"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    for workers in (1, 2):
        with pytest.raises(UserError, match=r"pot/0009/image_2.jpg is a damaged image"):
            pack(manifest, tmp_path / "packed", "threediebench", 8, workers=workers)
        assert digests(tmp_path / "packed") == before
    image.write_bytes(whole)
    pack(manifest, tmp_path / "packed", "threediebench", 8, workers=1)
    PackedDataset(tmp_path / "packed").verify()


def test_the_first_of_several_faults_is_named(tmp_path, small_tasks):
    root = make_small_3diebench(tmp_path / "raw")
    for name in ("cup/0002", "pot/0003", "pot/0011"):
        (root / name / "image_1.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"cup/0002/image_1.jpg"):
        pack(write_manifest(tmp_path / "raw.json", root), tmp_path / "packed", "threediebench", 8, workers=2)
    (root / "pot/0011/latent_0.npy").unlink()
    with pytest.raises(UserError, match=r"pot/0011 has no latent_0.npy"):  # found before anything is decoded
        pack(write_manifest(tmp_path / "raw.json", root), tmp_path / "packed", "threediebench", 8, workers=2)
