"""Start Snakemake, alone in its folder: what `make` calls instead of `snakemake`. With `--beside` first, not alone.

Snakemake's lock outlives a Snakemake that is killed, and so may its jobs on a cluster; the same command would be
refused until someone unlocks the folder. This lock is the kernel's, which frees it with the process, so whoever holds
it may clear what a dead Snakemake left: its lock, and by the profile's `recover`, its jobs.

Of a config option that is given twice Snakemake drops the first, so that a user's own would cancel `make`'s: here they
are merged.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from workflow_scripts.support.errors import UserError, command

STATE = Path(".snakemake")
MERGED = {"--config": "--config", "-C": "--config", "--configfile": "--configfiles", "--configfiles": "--configfiles"}


@command
def main() -> None:
    """Replace this process by Snakemake with the same arguments."""
    beside = sys.argv[1:2] == ["--beside"]
    arguments = sys.argv[2:] if beside else sys.argv[1:]
    if not beside:
        STATE.mkdir(exist_ok=True)
        hold(STATE / "workflow.lock")
        recover(arguments)  # first: jobs that are left run a Snakemake of their own
        if (STATE / "locks").is_dir() and not find_snakemake():
            shutil.rmtree(STATE / "locks")
    if not shutil.which("snakemake"):  # nor, then, the Python that jobs are to find there
        raise UserError("there is no snakemake on the PATH; call `make`, or activate the environment first")
    # Not the command itself: its first line names this Python by its path, which may hold what a shell would expand.
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *merge_options(arguments)])


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


def hold(path: Path) -> None:
    """Lock `path` until this process, and the program that replaces it, ends. Its jobs do not inherit the lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 20).decode().strip()
        raise UserError(
            f"this workflow is running here already (process {holder}, in {Path.cwd()}); wait for it or stop it"
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    os.set_inheritable(handle, True)


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
    profile = Path(arguments[arguments.index("--profile") + 1]) if "--profile" in arguments else None
    if profile and (script := profile / "recover").exists() and subprocess.run([script], check=False).returncode:
        raise UserError(f"{script} could not end the jobs of an earlier run; see above, then run again")


if __name__ == "__main__":
    main()
