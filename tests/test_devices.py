"""Shares of GPUs, with pretended devices: never more than a whole of one, and none lost with a job that crashes."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from workflow_scripts.experiment import gpu_shares
from workflow_scripts.experiment.gpu_shares import get_gpu_share, read_smallest_memory
from workflow_scripts.experiment.runs import parse_run
from workflow_scripts.support import gpus
from workflow_scripts.support.errors import command
from workflow_scripts.support.gpus import VISIBLE, find_gpus, identify_gpus, list_gpus
from workflow_scripts.training import devices, gpu_slots
from workflow_scripts.training.gpu_slots import claim_gpu

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.faults
JOB = """
import sys
from pathlib import Path
from workflow_scripts.support.gpus import list_gpus
from workflow_scripts.training import gpu_slots
gpu_slots.POLL_SECONDS = .05
print(gpu_slots.claim_gpu(list_gpus(), Path(sys.argv[1]), int(sys.argv[2])), flush=True)
sys.stdin.read()
"""
TOOL = """#!/bin/sh
echo '0, GPU-aa-1, 81559, Disabled, NVIDIA H100 80GB HBM3'
echo '1, GPU-bb-2, 8192, [N/A], NVIDIA X, second edition'
"""


class Jobs:
    """Processes that claim a share of a GPU and hold it until they are killed."""

    def __init__(self, folder):
        self.folder, self.started, self.shares = folder, [], {}

    def start(self, visible, share=100, **more):
        name = f"job{len(self.started)}"
        with open(self.folder / name, "w") as said:
            environment = {VISIBLE: visible, "PYTHONPATH": str(ROOT), **more}
            command = [sys.executable, "-c", JOB, str(self.folder / "slots"), str(share)]
            job = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=said)
        self.started.append(job)
        self.shares[name] = share
        return name

    def kill(self, name):
        job = self.started[int(name.removeprefix("job"))]
        job.kill()
        job.wait()
        (self.folder / name).write_text("")

    def claims(self):
        """The GPU of each living job that has one, by job."""
        said = {path.name: path.read_text().split("\n")[:-1] for path in self.folder.glob("job*")}
        return {name: lines[-1] for name, lines in said.items() if lines and "waiting" not in lines[-1]}

    def waiting(self):
        said = {path.name: path.read_text() for path in self.folder.glob("job*")}
        return {name for name, text in said.items() if "waiting" in text} - set(self.claims())


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(tmp_path)
    yield jobs
    for job in jobs.started:
        job.kill()
        job.wait()


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A pretended nvidia-smi of two GPUs, first on the PATH."""
    path = tmp_path / "nvidia-smi"
    path.write_text(TOOL)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv(VISIBLE, raising=False)
    return path


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_jobs_share_no_gpu_that_they_need_whole_and_a_crash_frees_its_own(jobs):
    for _ in range(4):
        jobs.start("0,GPU-1/2")
    wait_for(lambda: len(jobs.claims()) == 2 and len(jobs.waiting()) == 2)
    assert sorted(jobs.claims().values()) == ["0", "GPU-1/2"]
    first = min(jobs.claims())
    freed = jobs.claims()[first]
    jobs.kill(first)
    wait_for(lambda: len(jobs.claims()) == 2)
    assert sorted(jobs.claims().values()) == ["0", "GPU-1/2"]
    assert freed in jobs.claims().values()


def test_small_jobs_share_gpus_evenly_and_never_beyond_a_whole(jobs):
    """Shares are rounded up to tenths: of four jobs of 31 % two fit into a GPU, and with one of 20 % it is full."""
    for _ in range(5):
        jobs.start("0,1", 31)
    wait_for(lambda: len(jobs.claims()) == 4 and len(jobs.waiting()) == 1)
    assert Counter(jobs.claims().values()) == {"0": 2, "1": 2}
    jobs.kill(next(iter(jobs.claims())))
    wait_for(lambda: len(jobs.claims()) == 4)
    assert Counter(jobs.claims().values()) == {"0": 2, "1": 2}
    for _ in range(3):
        jobs.start("0,1", 20)
    wait_for(lambda: len(jobs.claims()) == 6 and len(jobs.waiting()) == 1)
    assert Counter(jobs.claims().values()) == {"0": 3, "1": 3}


def test_small_jobs_that_come_later_do_not_starve_a_big_one(jobs):
    small = [jobs.start("0", 50), jobs.start("0", 40)]
    wait_for(lambda: len(jobs.claims()) == 2)
    big = jobs.start("0", 100)
    wait_for(lambda: jobs.waiting() == {big})
    later = jobs.start("0", 10)  # for which there is room
    wait_for(lambda: jobs.waiting() == {big, later})
    jobs.kill(small[0])
    time.sleep(0.5)
    assert jobs.waiting() == {big, later}
    jobs.kill(small[1])
    wait_for(lambda: jobs.claims() == {big: "0"})
    assert jobs.waiting() == {later}
    jobs.kill(big)
    wait_for(lambda: jobs.claims() == {later: "0"})


def test_a_job_that_dies_at_the_door_lets_the_next_one_pass(jobs):
    jobs.start("0", 90)
    wait_for(lambda: len(jobs.claims()) == 1)
    big = jobs.start("0", 100)
    wait_for(lambda: jobs.waiting() == {big})
    small = jobs.start("0", 10)
    wait_for(lambda: jobs.waiting() == {big, small})
    jobs.kill(big)
    wait_for(lambda: small in jobs.claims())


def test_one_gpu_under_several_names_has_one_set_of_slots(jobs, tool):
    """And what the driver does not know, such as a part of a GPU, one of its own."""
    tools = {"PATH": os.environ["PATH"]}
    first = jobs.start("0", 60, **tools)
    wait_for(lambda: jobs.claims() == {first: "0"})
    second = jobs.start("GPU-aa", 60, **tools)
    wait_for(lambda: jobs.waiting() == {second})
    assert {path.name for path in (jobs.folder / "slots").iterdir() if path.is_dir()} == {"GPU-aa-1"}
    jobs.kill(first)
    wait_for(lambda: jobs.claims() == {second: "GPU-aa"})
    part = jobs.start("MIG-a/1", 100, **tools)
    wait_for(lambda: jobs.claims() == {second: "GPU-aa", part: "MIG-a/1"})
    assert identify_gpus(["1", "GPU-bb-2", "MIG-a/1"]) == {
        "1": "GPU-bb-2",
        "GPU-bb-2": "GPU-bb-2",
        "MIG-a/1": "MIG-a/1",
    }


@pytest.fixture
def nothing_held(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_slots, "_held", [])
    monkeypatch.setattr(gpus, "_share", 100)
    monkeypatch.setattr(devices, "slot_folder", lambda: tmp_path / "slots")


def test_only_visible_gpus_are_claimed(monkeypatch, tmp_path, nothing_held):
    monkeypatch.setenv(VISIBLE, "3")
    assert list_gpus() == ["3"]
    assert claim_gpu(["3"], tmp_path) == "3"
    monkeypatch.setenv(VISIBLE, "")
    assert list_gpus() == []


def test_one_visible_gpu_is_claimed_too_and_once_a_process(monkeypatch, tmp_path, tool, nothing_held):
    monkeypatch.setenv(VISIBLE, "3")
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    for _ in range(2):  # a process that has one does not wait for itself
        assert devices.choose_device("auto", 1).type == "cuda"
    assert {path.name for path in (tmp_path / "slots").iterdir() if path.is_dir()} == {"3"}
    assert len(gpu_slots._held) == 10


@pytest.mark.parametrize(("share", "limit"), [(20, 0.2 - 2**29 / 2**33), (100, None)])
def test_torch_keeps_to_a_share_less_what_a_process_takes_beside(share, limit, monkeypatch, nothing_held):
    set_to = []
    monkeypatch.setenv(VISIBLE, "3")
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch.cuda, "get_device_properties", lambda _: type("", (), {"total_memory": 2**33}))
    monkeypatch.setattr(devices.torch.cuda, "set_per_process_memory_fraction", set_to.append)
    devices.choose_device("cuda", 1, share)
    assert set_to == ([] if limit is None else [pytest.approx(limit)])
    assert gpus.get_share() == share


@pytest.mark.parametrize(
    ("share", "advice"),
    [
        (
            20,
            r"more than its share of a GPU's memory, 20 %; set `engine\.share_gpu: false`, so that it has a GPU alone",
        ),
        (
            100,
            r"end other programs on that GPU, or take a larger one.*\(A smaller .* another run: move the run's folder",
        ),
    ],
)
def test_a_job_without_room_says_what_to_do(share, advice, nothing_held):
    @command
    def main():
        raise devices.torch.OutOfMemoryError("CUDA out of memory")

    gpus.set_share(share)
    with pytest.raises(SystemExit, match=advice) as stop:
        main()
    assert ("share_gpu" in str(stop.value)) == (share < 100)


@pytest.mark.parametrize(
    ("visible", "limit"), [(None, "gpu_share=200"), ("3", "gpu_share=100"), ("0,GPU-1,5", "gpu_share=300")]
)
def test_make_hands_out_all_of_the_gpus_it_may_use(visible, limit, monkeypatch, tool):
    tool.write_text("#!/bin/sh\necho 'GPU 0: H100'\necho '  MIG 1g.10gb Device 0:'\necho 'GPU 1: H100'\n")
    if visible:
        monkeypatch.setenv(VISIBLE, visible)
    shown = subprocess.run(["make", "-n", "reproduce"], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    assert f"--resources {limit} " in shown


def test_the_machines_gpus_are_listed_by_index_with_their_memory(monkeypatch, tool):
    assert list_gpus() == ["0", "1"]
    assert [(gpu.mib, gpu.name) for gpu in find_gpus()] == [
        (81559, "NVIDIA H100 80GB HBM3"),
        (8192, "NVIDIA X, second edition"),
    ]
    monkeypatch.setenv(VISIBLE, "GPU-bb")
    assert [gpu.index for gpu in find_gpus()] == ["1"]
    monkeypatch.setenv(VISIBLE, "0,MIG-cc")
    assert find_gpus() == []
    monkeypatch.delenv(VISIBLE)
    monkeypatch.setenv("PATH", "/nowhere")
    assert list_gpus() == gpus.find_gpus() == []


@pytest.mark.parametrize(
    ("memory", "mode"), [("[N/A]", "[N/A]"), ("[Not Supported]", "Disabled"), ("81559", "Enabled")]
)
def test_a_gpu_of_unknown_memory_is_locked_and_not_shared(memory, mode, monkeypatch, tool, small_config):
    """The driver does not say, or says that of a GPU of which a job sees a part."""
    tool.write_text(f"#!/bin/sh\necho '0, GPU-aa-1, {memory}, {mode}, NVIDIA GB10'\necho '1, GPU-b, 8192, [N/A], X'\n")
    assert list_gpus() == ["0", "1"]
    assert [gpu.mib for gpu in find_gpus()] == [0, 8192]
    assert read_smallest_memory.__wrapped__() == 0
    monkeypatch.setattr(gpu_shares, "read_smallest_memory", read_smallest_memory.__wrapped__)
    run = parse_run("contextssl", "embedded", "simclr", 0)
    assert get_gpu_share(small_config, run, "training") == 100
    monkeypatch.setenv(VISIBLE, "1")
    assert get_gpu_share(small_config, run, "training") < 100
