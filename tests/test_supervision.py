"""A command is ended with all that it started, whatever stops the process above it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from project import ROOT

pytestmark = pytest.mark.faults
# A command with a job of its own, which as ours ends by its lifeline.
JOB = """
import signal, sys, time
from workflow_scripts.support.lifeline import end_with_parent
def stop(*_):
    print("written", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, stop)
end_with_parent()
print("up", flush=True)
time.sleep(60)
"""
COMMAND = f"""
import os, subprocess, sys, time
from workflow_scripts.support.lifeline import end_with_parent
end_with_parent(grace=0)
job = subprocess.Popen([sys.executable, "-c", {JOB!r}], env={{**os.environ, "WORKFLOW_PID": str(os.getpid())}})
sys.exit(job.wait())
"""
PARENT = f"""
import os, sys
from workflow_scripts.start import say_stopped
from workflow_scripts.support.supervision import supervise
code, stopped = supervise([sys.executable, "-c", {COMMAND!r}], dict(os.environ))
sys.exit(say_stopped(stopped) if stopped else code)
"""


@pytest.fixture
def supervised():
    """Start the three, one above the other; the first is the leader of a group, as in a terminal."""
    # A shell starts what runs in its background with signals ignored, and children inherit that.
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
            cwd=ROOT,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.communicate(timeout=30)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (1, "SIGHUP")])
def test_a_signal_ends_all_in_two_lines(number, name, supervised):
    os.killpg(supervised.pid, number)
    said = supervised.communicate(timeout=30)[0].split("\n")  # the pipe is closed: all have ended
    assert supervised.returncode == 128 + number
    stopped = f"Stopped by {name}. What is finished is kept, and the same command goes on from there."
    assert said == ["", "Stopping: what runs writes down how far it is.", "written", stopped, ""]


def test_a_kill_ends_all(supervised):
    supervised.kill()
    assert supervised.communicate(timeout=30)[0] == "written\n"


def test_a_pause_goes_on(supervised):
    """As Ctrl-Z in a terminal, and then `fg`."""
    state = Path(f"/proc/{supervised.pid}/stat")
    supervised.send_signal(signal.SIGTSTP)
    limit = time.monotonic() + 20
    while (paused := state.read_text().split()[2] == "T") is False and time.monotonic() < limit:
        time.sleep(0.05)
    assert paused
    supervised.send_signal(signal.SIGCONT)
    supervised.send_signal(signal.SIGTERM)
    assert "written" in supervised.communicate(timeout=30)[0]
