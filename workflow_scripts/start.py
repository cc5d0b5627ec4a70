"""Run Snakemake, alone in its folder: what `make` calls instead of `snakemake`. With `--beside` first, not alone.

Snakemake's lock outlives a Snakemake that is killed, and so may its jobs on a cluster; the same command would be
refused until someone unlocks the folder. This lock is the kernel's, which frees it with the process, so whoever holds
it may clear what a dead Snakemake left: its lock, and by the profile's `recover`, its jobs.

Ctrl-C, SIGTERM and SIGHUP end Snakemake and its jobs, and so does the end of this process, however it came; see
`support.supervision`.

Of a config option that is given twice Snakemake drops the first, so that a user's own would cancel `make`'s: here they
are merged.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from workflow_scripts.support.errors import UserError, command
from workflow_scripts.support.locks import MISSING, lease
from workflow_scripts.support.supervision import supervise

STATE = Path(".snakemake")
CANCEL_SECONDS = 60.0  # that Snakemake has to cancel the jobs of a cluster
MERGED = {"--config": "--config", "-C": "--config", "--configfile": "--configfiles", "--configfiles": "--configfiles"}


@command
def main() -> None:
    """Run Snakemake with the same arguments; beside others, become it."""
    if sys.argv[1:2] == ["--beside"]:
        words = find_words(sys.argv[2:])
        os.execv(words[0], words)
    code, stopped = run_alone(sys.argv[1:], dict(os.environ))
    sys.exit(say_stopped(stopped) if stopped else code)


def run_alone(arguments: list[str], environment: dict[str, str]) -> tuple[int, int]:
    """Run Snakemake, the only one in this folder; return its exit code, and the signal that stopped it, 0 = none.

    Raises `UserError` where one is running here already, or there is none to run.
    """
    STATE.mkdir(exist_ok=True)
    lock = hold(STATE / "workflow.lock")
    with lease(STATE / "workflow.lease", "this workflow is running here already; wait for it or stop it"):
        recover(arguments)  # first: jobs that are left run a Snakemake of their own
        if (STATE / "locks").is_dir() and not find_snakemake():
            shutil.rmtree(STATE / "locks")
        patience = CANCEL_SECONDS if find_recover(arguments) else 0.0
        return supervise(find_words(arguments), environment, [lock], patience)


def find_words(arguments: list[str]) -> list[str]:
    """Return the command line that runs Snakemake. Raises `UserError` where there is none for its jobs to call."""
    if not shutil.which("snakemake"):  # nor, then, the Python that jobs are to find there
        raise UserError("there is no snakemake on the PATH; call `make`, or activate the environment first")
    # Not the command itself: its first line names this Python by its path, which may hold what a shell would expand.
    return [sys.executable, "-m", "snakemake", *merge_options(arguments)]


def say_stopped(number: int) -> int:
    """Say that a signal has stopped the workflow; return the exit code that a shell has for it."""
    how = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    print(f"Stopped by {how}. What is finished is kept, and the same command goes on from there.", file=sys.stderr)
    return 128 + number


def merge_options(arguments: list[str]) -> list[str]:
    """Return arguments with the values of each option of `MERGED`, in order, at its first place."""
    merged: list[str | list[str]] = []
    values: dict[str, list[str]] = {}
    name = ""
    joined = [argument.split("=", 1) if argument.split("=")[0] in MERGED else [argument] for argument in arguments]
    for argument in itertools.chain.from_iterable(joined):
        if argument.startswith("-"):
            name = MERGED.get(argument, "")
        if argument in MERGED and name not in values:
            merged.append(values.setdefault(name, [name]))
        elif argument not in MERGED:
            (values[name] if name else merged).append(argument)
    return [word for part in merged for word in ([part] if isinstance(part, str) else part)]


def hold(path: Path) -> int:
    """Lock `path` until this process, and those that inherit the file, end; return the file. Jobs do not inherit it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 300).decode().strip()
        raise UserError(
            f"this workflow is running here already (process {holder}, in {Path.cwd()}); wait for it or stop it"
        ) from None
    except OSError as error:
        if error.errno not in MISSING:  # where there are no locks, the lease that follows does alone
            raise
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()} on {socket.gethostname()}".encode())
    os.set_inheritable(handle, True)
    return handle


def find_snakemake() -> int | None:
    """Return a Snakemake that works in this folder, of those that were started in another way than this."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        try:
            if any(Path(word).name == "snakemake" for word in words[:3]) and Path(process.cwd()) == Path.cwd():
                return int(process.pid)
        except psutil.Error:
            continue  # it has ended, or is another user's
    return None


def recover(arguments: list[str]) -> None:
    """Run the profile's `recover`, if it has one: it ends the jobs that a killed Snakemake left on a cluster."""
    if (script := find_recover(arguments)) and subprocess.run([script], check=False).returncode:
        raise UserError(f"{script} could not end the jobs of an earlier run; see above, then run again")


def find_recover(arguments: list[str]) -> Path | None:
    """Return the `recover` of the profile that is named: it has one if its jobs may outlive Snakemake."""
    if "--profile" not in arguments:
        return None
    script = Path(arguments[arguments.index("--profile") + 1]) / "recover"
    return script if script.exists() else None


if __name__ == "__main__":
    main()
