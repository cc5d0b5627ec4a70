"""The smallest DAG on a real Slurm: submitted, interrupted in every way a cluster knows, and always the same bytes.

Minutes of waiting for a queue, so not among the other tests: `make test-slurm`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.slurm.one_node import SlurmUnavailableError, list_jobs, one_node, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SPACE = Path("results/contextssl")
RUN = SPACE / "smoke/contextssl/seed0"
SITE = [
    *("--slurm-init-seconds-before-status-checks", "1", "--slurm-status-command", "squeue", "--latency-wait", "5"),
    *("--set-threads", "render=1", "pack=1", "pretrain=1", "evaluate=1"),
    *("--set-resources", "render:mem_mb=1000", "pack:mem_mb=1000", "evaluate:mem_mb=2000"),
]
STARTED: list[subprocess.Popen[bytes]] = []  # of which none may outlive the cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        with one_node(tmp_path_factory.mktemp("slurm")) as environment:
            yield {**environment, "PYTHONPATH": str(ROOT)}
            for process in STARTED:
                process.kill()
    except SlurmUnavailableError as error:
        pytest.skip(f"no Slurm here: {error}")


def start(folder, cluster, *arguments, minutes=10):
    """Start the workflow as `make` does, with what this site wants on top."""
    binaries = Path(sys.executable).parent
    resources = ["pretrain:mem_mb=2000", f"pretrain:runtime={minutes}"]
    command = [sys.executable, "-m", "workflow_scripts.start", "--profile", ROOT / "profiles" / "slurm"]
    command += ["--snakefile", ROOT / "Snakefile", "--config", "experiment=contextssl/smoke"]
    command += ["--configfile", HERE / "tiny.yaml", *SITE, *resources]
    # slurm_extra: the profile's warning, two minutes ahead, would come before a job of one minute starts.
    command += ["--default-resources", "slurm_partition=main", "mem_mb=500", "runtime=10", *arguments]
    environment = {**cluster, "PATH": f"{binaries}:{cluster['PATH']}"}
    with open(folder / "run.log", "a") as log:
        options = {"cwd": folder, "env": environment, "stdout": log, "stderr": subprocess.STDOUT}
        STARTED.append(subprocess.Popen([*map(str, command)], **options))
    return STARTED[-1]


def finish(process, folder):
    assert process.wait(timeout=1500) == 0, (folder / "run.log").read_text()[-5000:]


def trainers(folder):
    """The processes that train in `folder`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:3] == ["-m", "workflow_scripts.pretrain"] and Path(process.cwd()) == folder:
            found.append(process)
    return found


def training_job(folder, cluster):
    """The Slurm job that trains in `folder`, if one is running."""
    jobs = [job for job in list_jobs(cluster) if job["folder"] == str(folder)]
    running = [job for job in jobs if job["state"] == "RUNNING" and "rule_pretrain" in job["rule"]]
    return running[-1] if running else None


def steps(folder):
    history = folder / RUN / "state" / "history.jsonl"
    return len(history.read_text().splitlines()) if history.exists() else 0


def wait_for_training(folder):
    """Wait until a training of contextssl has stored a checkpoint and gone on."""
    before = steps(folder)
    wait_for(lambda: trainers(folder) and steps(folder) >= before + 3, 300, "a training under way")


@pytest.fixture(scope="module")
def unbroken(cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finish(start(folder, cluster), folder)
    return folder


def test_every_job_goes_through_the_queue(unbroken, cluster):
    jobs = list_jobs(cluster)
    print_jobs("unbroken", jobs)
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    rules = [job["rule"].split("_wildcards")[0] for job in jobs]
    assert {f"rule_{name}" for name in ("render", "pack", "pretrain", "evaluate", "collect", "report")} <= set(rules)
    asked = [job["gpu"] for job in jobs if job["rule"].startswith(("rule_pretrain", "rule_evaluate"))]
    assert len(asked) == 4
    assert all("gpu:1" in gpu for gpu in asked)
    assert all("gpu" not in job["gpu"] for job in jobs if job["rule"].startswith("rule_collect"))


def test_interruptions_of_every_kind_give_the_same_bytes(unbroken, cluster, tmp_path):
    known = len(list_jobs(cluster))
    shutil.copytree(unbroken / SPACE / "data", tmp_path / SPACE / "data")
    shutil.copytree(unbroken / ".snakemake" / "metadata", tmp_path / ".snakemake" / "metadata")
    process = start(tmp_path, cluster)
    wait_for_training(tmp_path)
    trainers(tmp_path)[0].kill()  # a job that fails once
    wait_for(lambda: not trainers(tmp_path), 30, "the end of a killed training")
    wait_for_training(tmp_path)
    subprocess.run(["scancel", training_job(tmp_path, cluster)["id"]], env=cluster, check=True)
    wait_for(lambda: not trainers(tmp_path), 30, "the end of a cancelled job")
    wait_for_training(tmp_path)
    subprocess.run(["scancel", "--signal=USR1", training_job(tmp_path, cluster)["id"]], env=cluster, check=True)
    wait_for(lambda: not trainers(tmp_path), 30, "the end of a preempted job")
    said = (tmp_path / RUN / "pretrain.log").read_text()
    assert re.search("stopped after step .* on SIG(USR1|TERM); the same command goes on", said), said[-500:]
    wait_for_training(tmp_path)
    process.kill()  # Snakemake itself: its jobs stay in the queue, and the next start ends them
    process.wait()
    orphan = training_job(tmp_path, cluster)
    assert orphan
    process = start(tmp_path, cluster, minutes=1)

    def resubmitted():
        job = training_job(tmp_path, cluster)
        return job and job["id"] != orphan["id"]

    wait_for(resubmitted, 120, "another training job")
    assert "of an earlier run that was killed" in (tmp_path / "run.log").read_text()
    finish(process, tmp_path)
    jobs = list_jobs(cluster)[known:]
    print_jobs("interrupted", jobs)
    states = [job["state"] for job in jobs if "rule_pretrain" in job["rule"]]
    assert states.count("CANCELLED") >= 2
    assert "TIMEOUT" in states
    for name in (RUN / "weights.safetensors", RUN / "rows" / "evaluation.parquet"):
        assert (tmp_path / name).read_bytes() == (unbroken / name).read_bytes()


def test_an_interrupted_snakemake_cancels_its_jobs(cluster, unbroken, tmp_path):
    shutil.copytree(unbroken / SPACE / "data", tmp_path / SPACE / "data")
    process = start(tmp_path, cluster)
    wait_for_training(tmp_path)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=120) != 0
    wait_for(lambda: not training_job(tmp_path, cluster) and not trainers(tmp_path), 60, "the end of all jobs")


def print_jobs(title, jobs):
    """Print the list of jobs: pytest shows it with -s, `make test-slurm` does."""
    print(f"\n{title}\n" + "\n".join(" | ".join(list(job.values())[:-1]) for job in jobs))
