"""The start of Snakemake: alone in its folder, and not stopped by what a killed one left."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts.start import merge_options

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.faults


@pytest.fixture
def start(tmp_path):
    """Run `python -m workflow_scripts.start --version ...` in a folder of its own."""

    def run(*arguments, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "workflow_scripts.start", "--version", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    return run


def test_without_an_environment_it_says_what_to_do(start):
    result = start(path="/nowhere")
    assert result.returncode == 1
    assert "there is no snakemake on the PATH; call `make`" in result.stderr


def test_locks_of_a_killed_snakemake_are_cleared(start, tmp_path):
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").touch()
    result = start()
    assert result.returncode == 0
    assert result.stdout[0].isdigit()
    assert not (tmp_path / ".snakemake" / "locks").exists()


def test_locks_of_a_living_snakemake_stay(start, tmp_path):
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    snakemake = tmp_path / "snakemake"
    snakemake.write_text("import time\ntime.sleep(60)\n")
    living = subprocess.Popen([sys.executable, snakemake], cwd=tmp_path)
    try:
        assert start().returncode == 0
        assert (tmp_path / ".snakemake" / "locks").exists()
    finally:
        living.kill()
        living.wait()


def test_a_second_start_is_refused(start, tmp_path):
    (tmp_path / ".snakemake").mkdir()
    with open(tmp_path / ".snakemake" / "workflow.lock", "w") as file:
        file.write("123")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        result = start()
    assert result.returncode == 1
    assert "this workflow is running here already (process 123, in " in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_profile_ends_jobs_that_are_left(start, tmp_path):
    script = tmp_path / "profile" / "recover"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\ntouch recovered\n")
    script.chmod(0o755)
    assert start("--profile", script.parent).returncode == 0
    assert (tmp_path / "recovered").exists()
    script.write_text("#!/bin/sh\nexit 1\n")
    result = start("--profile", script.parent)
    assert result.returncode == 1
    assert "could not end the jobs of an earlier run" in result.stderr


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("--config a=1 --quiet rules --config b=2", "--config a=1 b=2 --quiet rules"),
        ("--configfile x.yaml -n --configfiles y.yaml z.yaml", "--configfiles x.yaml y.yaml z.yaml -n"),
        ("-C a=1 -- target", "--config a=1 -- target"),
        ("--configfile x.yaml --configfile=y.yaml -n", "--configfiles x.yaml y.yaml -n"),
        ("--config=a=1 --config b=2", "--config a=1 b=2"),
        ("", ""),
    ],
)
def test_no_config_option_cancels_another(given, passed):
    assert merge_options(given.split()) == passed.split()


def test_a_profile_in_an_odd_folder(start, tmp_path):
    profile = tmp_path / "a $(touch HIT) 'b' ü" / "profile"
    profile.mkdir(parents=True)
    (profile / "recover").write_text("#!/bin/sh\ntouch recovered\n")
    (profile / "recover").chmod(0o755)
    assert start("--profile", profile).returncode == 0
    assert (tmp_path / "recovered").exists()
    assert not list(tmp_path.rglob("HIT"))


def test_recover_ends_the_jobs_of_this_folder_alone(tmp_path):
    """With a pretended queue: a job of another folder, name or state stays."""
    here = tmp_path / "a $(touch HIT) 'b' \\n | ü"
    (here / "bin").mkdir(parents=True)
    ours = f"1|reproduction_x|RUNNING|{here}"
    others = [f"2|reproduction_x|RUNNING|{tmp_path}", f"3|other|RUNNING|{here}", f"4|reproduction_x|COMPLETED|{here}"]
    (here / "queue").write_text("\n".join([*others, ours]) + "\n")
    for name, does in (("squeue", "cat queue"), ("scancel", 'echo "$@" > ended; : > queue')):
        (here / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (here / "bin" / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"bin:{os.environ['PATH']}"}
    script = ROOT / "profiles" / "slurm" / "recover"
    result = subprocess.run([script], cwd=here, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert (here / "ended").read_text() == "1\n"
    assert not list(tmp_path.rglob("HIT"))
