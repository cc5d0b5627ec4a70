"""Disks: full, read-only, or at work for another invocation already."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.attack.tiny import (
    EXPERIMENT,
    ROOT,
    RUN,
    Trial,
    copy_finished,
    list_workers,
    read_results,
    run,
    start,
    what_was_said,
)


def mount(folder: Path, *options: str) -> None:
    """Mount, or remount, a small file system in memory at `folder`."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def full_disk(folder: Path, kilobytes: int, expected: dict[str, bytes]) -> Trial:
    """Run with results/ on a disk of `kilobytes`, then make room and run again."""
    results = folder / "results"
    results.mkdir(parents=True)
    mount(results, f"size={kilobytes}k")
    try:
        code, output = run(folder)
        said = what_was_said(output)
        mount(results, "remount", "size=1g")
        again, output = run(folder)
        same = read_results(folder) == expected
        survived = code != 0 and "No space left" in said and again == 0 and same
        return Trial("disk full", survived, said)
    finally:
        subprocess.run(["umount", str(results)], check=True)


def read_only_disk(folder: Path, finished: Path, expected: dict[str, bytes]) -> Trial:
    """Run with results/ on a read-only disk that lacks a run's rows, then make it writable and run again."""
    folder.mkdir()
    results = folder / "results"
    shutil.copytree(finished / ".snakemake", folder / ".snakemake")
    results.mkdir()
    mount(results, "size=1g")
    try:
        shutil.copytree(finished / "results", results, dirs_exist_ok=True)
        shutil.rmtree(folder / RUN)
        mount(results, "remount", "ro")
        code, output = run(folder)
        said = what_was_said(output)
        mount(results, "remount", "rw")
        again, _ = run(folder)
        survived = code != 0 and bool(said) and again == 0 and read_results(folder) == expected
        return Trial("results folder read-only", survived, said)
    finally:
        subprocess.run(["umount", str(results)], check=True)


def second_invocation(folder: Path, expected: dict[str, bytes], bare: bool) -> Trial:
    """Start the workflow a second time while it runs, by `make` or, bare, by snakemake itself."""
    folder.mkdir()
    first = start(folder)
    while not {"pretrain", "render"} & set(list_workers(first.pid)):
        time.sleep(0.1)
    if bare:
        binaries = Path(sys.executable).parent
        command = [binaries / "snakemake", "--profile", ROOT / "profiles" / "default"]
        command += ["--snakefile", ROOT / "Snakefile", *EXPERIMENT]
        environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
        second = subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)
        code, said = second.returncode, what_was_said(second.stdout + second.stderr)
    else:
        code, output = run(folder)
        said = what_was_said(output)
    first.communicate()
    survived = code != 0 and bool(said) and first.returncode == 0 and read_results(folder) == expected
    return Trial(f"a second invocation{', of bare snakemake' if bare else ''}", survived, said)


def disk_trials(finished: Path, scratch: Path, expected: dict[str, bytes]) -> Iterator[Trial]:
    """Yield what happens on disks that refuse, where one may mount them (as root), and to a second invocation."""
    if os.geteuid() == 0:
        used = sum(path.stat().st_size for path in (finished / "results").rglob("*") if path.is_file()) // 1024
        for number, share in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
            yield full_disk(scratch / f"full{number}", max(64, int(share * used)), expected)
        yield read_only_disk(scratch / "read-only", copy_finished(finished, scratch / "copy"), expected)
    for bare in (False, True):
        yield second_invocation(scratch / f"second-{bare}", expected, bare)
