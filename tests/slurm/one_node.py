"""A real Slurm of one node on the loopback interface, from the distribution's packages, in a folder of its own.

No accounting, no cgroups, no systemd; a pretended GPU. Needs root, as slurmd does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={root}/run/munge.sock
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/slurmd.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
InactiveLimit=0
KillWait=5
MinJobAge=3600
GresTypes=gpu
DefMemPerCPU=256
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=20000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""  # noqa: E501 (a node is one line)


class SlurmUnavailableError(Exception):
    """Slurm cannot be had here; the message says why."""


def install() -> None:
    """Install Slurm where it is missing. Raises `SlurmUnavailableError`."""
    if all(shutil.which(name) for name in DAEMONS):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SlurmUnavailableError(f"needs {', '.join(PACKAGES)}, or root on Debian to install them")
    command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise SlurmUnavailableError(f"apt-get could not install {', '.join(PACKAGES)}: {result.stderr.strip()[-200:]}")


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `condition` holds. Raises `TimeoutError` that says what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def one_node(root: Path) -> Iterator[dict[str, str]]:
    """Run the cluster with all its state under `root`, and yield the environment in which its commands work."""
    install()
    for name in ("etc", "run", "log", "state", "spool", "bin"):
        (root / name).mkdir(parents=True)
    (root / "run").chmod(0o755)
    host = socket.gethostname().partition(".")[0]
    key = root / "etc" / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    (root / "etc" / "slurm.conf").write_text(
        CONFIGURATION.format(host=host, root=root, port=_free_port(), node_port=_free_port())
    )
    (root / "etc" / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    # The executor strips SLURM_CONF before its inner srun; a site has it in /etc.
    wrapper = root / "bin" / "srun"
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={root}/etc/slurm.conf exec {shutil.which("srun")} "$@"\n')
    wrapper.chmod(0o755)
    environment = {
        **os.environ,
        "SLURM_CONF": f"{root}/etc/slurm.conf",
        "PATH": f"{root}/bin:{os.environ['PATH']}",
    }
    munge = [
        f"--{name}={root}/{place}" for name, place in (("key-file", "etc/munge.key"), ("socket", "run/munge.sock"))
    ]
    munge += [f"--pid-file={root}/run/munged.pid", f"--log-file={root}/log/munged.log"]
    munge += [f"--seed-file={root}/run/munge.seed", "--origin=127.0.0.1", "--num-threads=2", "--force"]

    def answers(*command: str, expected: str = "") -> bool:
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        return result.returncode == 0 and expected in result.stdout

    try:
        subprocess.run(["munged", *munge], check=True, env=environment, capture_output=True)
        subprocess.run(["slurmctld"], check=True, env=environment, capture_output=True)
        wait_for(lambda: answers("scontrol", "ping", expected="UP"), 30, "slurmctld")
        subprocess.run(["slurmd"], check=True, env=environment, capture_output=True)
        wait_for(lambda: answers("sinfo", "-h", "-o", "%T", expected="idle"), 30, "an idle node")
        yield environment
    finally:
        subprocess.run(["scancel", "--state=RUNNING", "--user=root"], env=environment, capture_output=True)
        for name in reversed(DAEMONS):
            _stop(root / "run" / f"{name}.pid")


def _stop(pid_file: Path) -> None:
    if not pid_file.exists():
        return
    with contextlib.suppress(ProcessLookupError, ValueError):
        os.kill(int(pid_file.read_text()), 15)
        time.sleep(0.5)


def list_jobs(environment: dict[str, str]) -> list[dict[str, str]]:
    """Return every job that the cluster knows of, ended ones included, oldest first."""
    fields = ["id", "state", "rule", "gpu", "used", "limit", "start", "folder"]
    asked = ("jobid", "state", "comment", "tres-per-job", "timeused", "timelimit", "starttime", "workdir")
    command = ["squeue", "--noheader", "--states=all", "--sort=i", "--Format", ",".join(f"{name}:|" for name in asked)]
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    return [dict(zip(fields, line.split("|"), strict=False)) for line in lines]
