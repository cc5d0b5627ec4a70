"""make setup: which Python, which packages, and what is said where they cannot be had."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts import install

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[1]
LIST = """\
# a comment
numpy==2.0 \\
    --hash=sha256:aa
    # via torch
nvidia-cublas==13.1 ; sys_platform == 'linux' \\
    --hash=sha256:bb
nvidia-nvtx==13.0 \\
    --hash=sha256:ff
torch==2.14.1 \\
    --hash=sha256:cc
torchvision==0.29.1 \\
    --hash=sha256:dd
triton==3.8 ; python_full_version < '3.15' \\
    --hash=sha256:ee
"""


def stand_in(path, version, *, venv=True):
    """A Python of that version: an environment that it makes holds a copy of it, and modules only say they are run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        f'*version_info*) echo "{version}" ;;\n'
        f"*ensurepip*) {'true' if venv else 'false'} ;;\n"
        '"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;\n'
        '*) echo "$@" ;;\nesac\n'
    )
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A checkout on a machine with a shell, and with what a test puts into bin."""
    (tmp_path / "envs").mkdir()
    for name in ("setup.sh", "requirements.txt"):
        shutil.copy2(ROOT / "envs" / name, tmp_path / "envs" / name)
    (tmp_path / "bin").mkdir()
    for name in ("sh", "cat", "mkdir", "cp", "touch"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


def set_up(machine, **given):
    variables = {"VENV": "odd $(touch HIT) venv", "PYTHON": "", "TORCH": "", **given, "PATH": str(machine / "bin")}
    command = ["sh", "envs/setup.sh", "runtime", "envs/requirements.txt"]
    result = subprocess.run(command, cwd=machine, env=variables, capture_output=True, text=True)
    assert not (machine / "HIT").exists()
    return result


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"python3.11": "3.11", "python3.13": "3.13"}, "3.11"),
        ({"python3": "3.12"}, "3.12"),
        ({"python3": "3.9", "python3.13": "3.13"}, "3.13"),
        ({"python3.11": "", "python3": "3.13"}, "3.13"),  # a shim of a version that is not installed
    ],
)
def test_the_first_python_that_fits_is_taken(there, taken, machine):
    for name, version in there.items():
        stand_in(machine / "bin" / name, version)
    result = set_up(machine)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("-m workflow_scripts.install envs/requirements.txt --torch")
    assert f'echo "{taken}"' in (machine / "odd $(touch HIT) venv/bin/python").read_text()
    assert set_up(machine).stdout == ""  # nothing is left to do


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({}, "there is no python3 here"),
        ({"python3": ("3.14", True)}, "python3 is Python 3.14"),
        ({"python3": ("3.12", False)}, "python3 is Python 3.12 without venv"),
    ],
)
def test_no_python_that_fits_is_one_sentence(there, why, machine):
    for name, (version, venv) in there.items():
        stand_in(machine / "bin" / name, version, venv=venv)
    result = set_up(machine)
    assert result.returncode == 1
    assert result.stderr.startswith(
        f"error: this needs Python 3.11, 3.12 or 3.13 with venv and pip, and {why}; install"
    )
    assert len(result.stderr.splitlines()) == 1


def test_a_python_that_is_given_is_taken_or_refused(machine):
    stand_in(machine / "bin" / "python3", "3.12")
    stand_in(machine / "mine", "3.13")
    assert "nope is" not in (said := set_up(machine, PYTHON="nope").stderr)
    assert "there is no nope here" in said
    assert set_up(machine, PYTHON=str(machine / "mine"), VENV="venv").returncode == 0
    (machine / "venv" / "runtime.installed").unlink()
    result = set_up(machine, PYTHON="python3", VENV="venv")
    assert result.stderr == "error: venv is of Python 3.13, not of python3; delete it, or say VENV=another-folder\n"


def test_packages_are_installed_again_where_something_else_is_asked_for(machine):
    stand_in(machine / "bin" / "python3", "3.12")
    set_up(machine, VENV="venv")
    marker, build = machine / "venv" / "runtime.installed", machine / "venv" / "torch-build"
    os.utime(marker, (0, 0))  # older than the list
    assert "install" in set_up(machine, VENV="venv").stdout
    assert marker.stat().st_mtime > 0
    build.write_text("cpu\n")
    assert set_up(machine, VENV="venv").stdout == ""
    assert "--torch gpu" in set_up(machine, VENV="venv", TORCH="gpu").stdout
    (machine / "bin" / "nvidia-smi").symlink_to(shutil.which("true"))
    assert "install" in set_up(machine, VENV="venv").stdout  # a GPU came
    assert set_up(machine, VENV="venv", TORCH="cpu").stdout == ""
    build.write_text("gpu\n")
    assert set_up(machine, VENV="venv").stdout == ""


def test_an_installation_that_fails_is_taken_up_again(machine):
    stand_in(machine / "bin" / "python3", "3.12")
    (machine / "bin" / "python3").write_text((machine / "bin" / "python3").read_text().replace('echo "$@"', "exit 1"))
    assert set_up(machine, VENV="venv").returncode == 1
    assert not (machine / "venv" / "runtime.installed").exists()


# --- packages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Installs nothing; what it was called with, and what it is to say and give back."""
    (tmp_path / "list.txt").write_text(LIST)
    monkeypatch.setattr(install, "BUILD", tmp_path / "torch-build")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    calls, says = [], []

    def run(command, **_):
        arguments = command[3:]
        content = Path(arguments[-1]).read_text() if "--requirement" in arguments else ""
        calls.append((arguments, content))
        return subprocess.CompletedProcess(command, 1 if says else 0, "", "".join(says))

    monkeypatch.setattr(subprocess, "run", run)
    return calls, says


def install_list(tmp_path, monkeypatch, torch=""):
    monkeypatch.setattr(sys, "argv", ["install", str(tmp_path / "list.txt"), "--torch", torch])
    install.main()


def test_what_only_a_gpu_needs_is_left_out_without_one(pip, tmp_path, monkeypatch):
    calls, _ = pip
    install_list(tmp_path, monkeypatch)
    ((arguments, content),) = calls
    assert "--require-hashes" in arguments
    assert "triton" not in content
    assert "nvtx" not in content
    assert "nvidia-cublas==13.1 ; sys_platform == 'linux' \\\n    --hash=sha256:bb\n" in content
    assert (tmp_path / "torch-build").read_text() == "cpu\n"
    monkeypatch.setattr(install.shutil, "which", lambda name: name if name == "sbatch" else None)
    install_list(tmp_path, monkeypatch)
    assert calls[-1][1] == LIST.partition("# a comment\n")[2]
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    install_list(tmp_path, monkeypatch)  # once there, it stays
    assert "triton" in calls[-1][1]


def test_another_build_of_torch_comes_from_its_index(pip, tmp_path, monkeypatch):
    calls, _ = pip
    install_list(tmp_path, monkeypatch, "https://example.org/cpu")
    (removed, _), (_, content), (arguments, _) = calls
    assert removed[2] == "uninstall"  # the other build of the same version
    assert [line.split("==")[0] for line in content.splitlines() if "==" in line] == ["numpy"]
    assert arguments[-4:] == ["--index-url", "https://example.org/cpu", "torch==2.14.1", "torchvision==0.29.1"]
    install_list(tmp_path, monkeypatch)  # of setup-dev
    assert [called[0][2] for called in calls[3:]] == ["install", "install"]
    with pytest.raises(SystemExit, match="TORCH is 'nonsense'; say TORCH=gpu, TORCH=cpu or the address"):
        install_list(tmp_path, monkeypatch, "nonsense")


@pytest.mark.parametrize(
    ("settings", "works", "installers"),
    [
        ("", True, ["pip", "uv"]),  # pip installs uv
        ("", False, ["pip", "uv", "pip"]),
        ("global.cert='/etc/ssl/x'\n", True, ["pip", "uv"]),
        ("global.index-url='https://mirror'\n", True, ["pip"]),
        (":env:.no-index='1'\n", True, ["pip"]),
    ],
)
def test_uv_installs_where_it_asks_the_index_that_pip_would(settings, works, installers, tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text(LIST + "uv==0.13.9 \\\n    --hash=sha256:11\n")
    monkeypatch.setattr(install, "BUILD", tmp_path / "torch-build")
    called = []

    def run(command, **_):
        if "config" in command:
            return subprocess.CompletedProcess(command, 0, settings, "")
        called.append((command[2], Path(command[-1]).read_text()))
        assert {"--no-deps", "--require-hashes"} < set(command)
        return subprocess.CompletedProcess(command, int(command[2] == "uv" and not works), "", "")

    monkeypatch.setattr(subprocess, "run", run)
    install_list(tmp_path, monkeypatch)
    assert [installer for installer, _ in called] == installers
    assert "numpy==2.0" in called[-1][1]
    assert len(called) == 1 or called[0][1] == "uv==0.13.9 \\\n    --hash=sha256:11\n"
    assert (tmp_path / "torch-build").exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<x>: Failed to "
            "establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/x/\n"
            "ERROR: Could not find a version that satisfies the requirement x\n"
            "ERROR: No matching distribution found for x",
            r"pip cannot reach the package index \(Temporary failure in name resolution\); connect .*PIP_NO_INDEX=1",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement x\n"
            "ERROR: No matching distribution found for x==1 (from -r list.txt (line 2))",
            r"x==1 is not where pip looks for packages; point pip to an index or a folder that has it",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            r"pip cannot install .*list.txt \(ERROR: .*No space left on device\); mend that and run the same command",
        ),
        ("Killed\n", r"pip cannot install .*list.txt \(Killed\)"),
        ("", r"pip cannot install .*list.txt \(it said nothing\)"),
    ],
)
def test_what_pip_cannot_do_is_one_sentence(said, sentence, pip, tmp_path, monkeypatch):
    pip[1].append(said)
    with pytest.raises(SystemExit, match=f"^error: {sentence}"):
        install_list(tmp_path, monkeypatch)
    assert not (tmp_path / "torch-build").exists()
