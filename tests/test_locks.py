"""Locks: what a process does whose lease another has taken; who is refused: tests/attack/cases/disks.py."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workflow_scripts.support import locks
from workflow_scripts.support.errors import UserError

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.faults
HOLDER = """
import sys, time
from workflow_scripts.support import locks
locks.LEASE_SECONDS = 0.6
with locks.exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_lost_the_lease_ends(tmp_path):
    """As one that was stopped for a minute, while another machine took over."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == "held\n"
    lease = tmp_path / locks.LEASE
    (tmp_path / "other").write_bytes(lease.read_bytes())
    (tmp_path / "other").replace(lease)
    _, said = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM
    assert said == f"error: another process took over {lease}, this one ends\n"


def test_a_holder_that_ends_soon_is_waited_for(tmp_path):
    held, free = threading.Event(), threading.Event()

    def hold():
        with locks.exclusive(tmp_path):
            held.set()
            free.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    threading.Timer(0.3, free.set).start()
    began = time.monotonic()
    with locks.exclusive(tmp_path):
        assert time.monotonic() - began > 0.2
    thread.join()


def test_a_living_holder_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "GRACE_SECONDS", -0.5)
    with (
        locks.exclusive(tmp_path),
        pytest.raises(UserError, match="another process is writing"),
        locks.exclusive(tmp_path),
    ):
        pass


def test_the_folder_may_be_gone_in_the_end(tmp_path):
    with locks.exclusive(tmp_path / "folder"):
        (tmp_path / "folder" / locks.LEASE).unlink()
        (tmp_path / "folder" / locks.LOCK).unlink()
        (tmp_path / "folder").rmdir()
    assert not (tmp_path / "folder").exists()
