"""GPU slots, with pretended devices: never two jobs on one, and none lost with a job that crashes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workflow_scripts.training import devices
from workflow_scripts.training.devices import VISIBLE, claim_gpu, list_gpus

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.faults
JOB = """
import sys
from pathlib import Path
from workflow_scripts.training import devices
devices.POLL_SECONDS = .05
print(devices.claim_gpu(devices.list_gpus(), Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start_job(tmp_path):
    jobs = []

    def start(visible):
        options = {"stdin": subprocess.PIPE, "stdout": open(tmp_path / f"job{len(jobs)}", "w")}  # noqa: SIM115
        environment = {VISIBLE: visible, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", JOB, tmp_path / "slots"]
        jobs.append(subprocess.Popen([*map(str, command)], env=environment, **options))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.wait()


def claims(folder):
    """The GPU of each job that has one, by job."""
    said = {path.name: path.read_text().split("\n")[:-1] for path in folder.glob("job*")}
    return {name: lines[-1] for name, lines in said.items() if lines and "waiting" not in lines[-1]}


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_jobs_share_no_gpu_and_a_crash_frees_its_own(start_job, tmp_path):
    jobs = [start_job("0,GPU-1/2") for _ in range(4)]
    waits = [tmp_path / f"job{number}" for number in range(4)]
    wait_for(lambda: len(claims(tmp_path)) == 2 and sum("waiting" in path.read_text() for path in waits) == 2)
    assert sorted(claims(tmp_path).values()) == ["0", "GPU-1/2"]
    first = min(claims(tmp_path))
    freed = claims(tmp_path)[first]
    jobs[int(first.removeprefix("job"))].kill()
    wait_for(lambda: len(claims(tmp_path)) == 3)
    assert sorted(claims(tmp_path).values()) == sorted(["0", "GPU-1/2", freed])


def test_only_visible_gpus_are_claimed(monkeypatch, tmp_path):
    monkeypatch.setenv(VISIBLE, "3")
    assert list_gpus() == ["3"]
    assert claim_gpu(["3"], tmp_path) == "3"
    monkeypatch.setenv(VISIBLE, "")
    assert list_gpus() == []


def test_one_visible_gpu_is_claimed_too(monkeypatch, tmp_path):
    monkeypatch.setenv(VISIBLE, "3")
    monkeypatch.setattr(devices, "slot_folder", lambda: tmp_path)
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    assert devices.choose_device("auto", 1).type == "cuda"
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


@pytest.mark.parametrize(("visible", "limit"), [(None, "gpu=2"), ("3", "gpu=1"), ("0,GPU-1,5", "gpu=3")])
def test_make_runs_as_many_gpu_jobs_as_it_may_use(visible, limit, monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: H100'\necho '  MIG 1g.10gb Device 0:'\necho 'GPU 1: H100'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv(VISIBLE, raising=False)
    if visible:
        monkeypatch.setenv(VISIBLE, visible)
    shown = subprocess.run(["make", "-n", "reproduce"], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    assert f"--resources {limit} " in shown


def test_the_machines_gpus_are_listed_by_index(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-a)'\necho 'GPU 1: NVIDIA H100 (UUID: GPU-b)'\n")
    tool.chmod(0o755)
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list_gpus() == ["0", "1"]
    monkeypatch.setenv("PATH", "/nowhere")
    assert list_gpus() == []
