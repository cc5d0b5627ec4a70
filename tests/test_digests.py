"""The digest of a file that is being written, against hashlib's of the finished file."""

import hashlib
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from workflow_scripts.data import digests
from workflow_scripts.data.digests import GrowingDigest

pytestmark = pytest.mark.unit


def test_follows_the_writing(tmp_path, random, monkeypatch):
    """Only what is final is read: every part is garbage until it is said to be so."""
    monkeypatch.setattr(digests, "CHUNK_BYTES", 1000)
    content, path = random.bytes(50_000), tmp_path / "file"
    path.write_bytes(b"\xff" * len(content))
    with GrowingDigest(path) as digest, open(path, "r+b", buffering=0) as file:
        stops = [0, *np.sort(random.integers(0, len(content), 20)).tolist(), len(content)]
        for start, stop in pairwise(stops):
            file.write(content[start:stop])
            digest.advance(stop)
            digest.advance(start)  # what is final stays so
            time.sleep(0.001)
        assert digest.finish() == hashlib.sha256(content).hexdigest()


def test_works_while_the_writing_goes_on(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * digests.CHUNK_BYTES))
    with GrowingDigest(path) as digest:
        digest.advance(2 * digests.CHUNK_BYTES)
        deadline = time.monotonic() + 20
        while digest._hash.digest() == hashlib.sha256(b"").digest():
            assert time.monotonic() < deadline, "nothing is read before the end"
            time.sleep(0.01)
        assert digest.finish() == hashlib.sha256(bytes(3 * digests.CHUNK_BYTES)).hexdigest()


@pytest.mark.parametrize("advanced", [0, 7])
def test_ends_with_a_failure_of_the_writer(tmp_path, advanced):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with pytest.raises(RuntimeError, match="stopped"):
        _fail(path, advanced)
    assert not any("digest of file" in thread.name for thread in threading.enumerate())


def _fail(path, advanced):
    with GrowingDigest(path) as digest:
        digest.advance(advanced)
        raise RuntimeError("stopped")


def test_tells_its_own_failure(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with GrowingDigest(path) as digest:
        digest.advance(101)
        with pytest.raises(OSError, match="became shorter"):
            digest.finish()
    with GrowingDigest(tmp_path / "none") as digest, pytest.raises(FileNotFoundError):
        digest.finish()
