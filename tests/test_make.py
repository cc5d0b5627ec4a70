"""make: what a user gives, and where the checkout is, reaches commands whole and is never executed."""

import os
import shutil
import subprocess

import pytest
from project import ROOT, SMOKE, copy_project

pytestmark = pytest.mark.faults
ODD = "a \"b' [c] & $(touch HIT) ; ü"  # a folder, an experiment or a profile
# Stands in for Python: says how it was called, what it was given, and whether the environment comes first on the PATH.
PYTHON = """#!/bin/sh
printf '<%s>' "$@"
printf ' %s=<%s>' EXPERIMENT "$EXPERIMENT" SEEDS "$SEEDS" PROFILE "$PROFILE"
printf ' %s\\n' "${PATH%%:*}"
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a folder with an odd name, and an environment in one as odd."""
    folder = tmp_path / ODD
    folder.mkdir()
    for name in ("Makefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "envs").mkdir()
    for name in ("setup.sh", "requirements.txt", "requirements-dev.txt"):
        shutil.copy2(ROOT / "envs" / name, folder / "envs" / name)
    for environment in (folder / ".venv", folder / ODD):
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").write_text(PYTHON)
        (environment / "bin" / "python").chmod(0o755)
        for kind in ("runtime", "development"):
            (environment / f"{kind}.installed").touch()
    return folder


def make(folder, *arguments, **variables):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "ARGS"}
    environment = {**kept, "CUDA_VISIBLE_DEVICES": "0", **variables}
    result = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert not list(folder.parent.rglob("HIT"))
    return result


@pytest.mark.parametrize("value", [ODD, "x; touch HIT", "$(shell touch HIT)", "`touch HIT`", 'x" & touch HIT #'])
@pytest.mark.parametrize("how", ["command line", "environment"])
def test_what_is_given_arrives_whole(value, how, checkout):
    given = {"EXPERIMENT": value, "PROFILE": value, "SEEDS": value}
    words = [f"{key}={text}" for key, text in given.items()] if how == "command line" else []
    for target in ("reproduce", "plan", "tables"):
        result = make(checkout, target, *words, **({} if words else given))
        assert result.returncode == 0, result.stderr
        (line,) = result.stdout.splitlines()  # one process, which says all there is to say
        variables = " ".join(f"{key}=<{value}>" for key in ("EXPERIMENT", "SEEDS", "PROFILE"))
        assert line.endswith(f"> {variables} {checkout / '.venv' / 'bin'}")
        assert line.startswith(f"<-m><workflow_scripts.{'plan' if target == 'plan' else 'reproduce'}>")


def test_an_environment_may_be_anywhere(checkout):
    for environment in (ODD, checkout / ODD):
        result = make(checkout, "plan", f"VENV={environment}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[0].endswith(f" {checkout / ODD / 'bin'}")


def test_arguments_are_words(checkout):
    (line,) = make(checkout, "plan", "ARGS=--config 'methods=[a b]' -n", "EXPERIMENT=p/q").stdout.splitlines()
    assert line.startswith("<-m><workflow_scripts.plan><--config><methods=[a b]><-n> EXPERIMENT=<p/q>")
    (line,) = make(checkout, "tables", "ARGS=-n").stdout.splitlines()
    assert "<--forcerun><tables><figures><report><-n><--><views>" in line


def test_the_check_of_a_gpu_installs_nothing(checkout):
    """The environment where there is one, however old; else the machine's Python, or the one given."""
    for kind in ("runtime", "development"):
        (checkout / ".venv" / f"{kind}.installed").unlink()
    called = "<-m><workflow_scripts.gpu_check><--minutes><3>"
    assert make(checkout, "gpu-check", "ARGS=--minutes 3").stdout.startswith(called)
    (checkout / ".venv" / "bin" / "python").unlink()
    here = checkout / ODD / "bin"
    (here / "python").rename(here / "python3")
    path = f"{here}:{os.environ['PATH']}"
    assert make(checkout, "gpu-check", "ARGS=--minutes 3", PATH=path).stdout.strip().endswith(f" {here}")
    given = checkout / "given"
    (here / "python3").rename(given)
    assert make(checkout, "gpu-check", f"PYTHON={given}", "ARGS=--minutes 3").stdout.startswith(called)


@pytest.mark.parametrize("target", ["paper", "ablations"])
def test_other_experiments_of_the_same_paper(target, checkout):
    (checkout / "config.yaml").write_text("experiment: one/small # the default\nengine: {}\n")
    assert f"EXPERIMENT=<one/{target}>" in make(checkout, target).stdout
    assert f"EXPERIMENT=<two/{target}>" in make(checkout, target, "EXPERIMENT=two/small").stdout


def test_packages_are_installed_again_where_their_list_is_newer(checkout):
    """What else decides that is tested of envs/setup.sh itself."""
    marker = checkout / ".venv" / "runtime.installed"
    assert make(checkout, "setup", "setup-dev").stdout == ""
    os.utime(marker, (0, 0))
    called = "<-m><workflow_scripts.install><envs/requirements.txt><--torch><>"
    assert make(checkout, "setup").stdout.startswith(called)
    assert marker.stat().st_mtime > 0
    given = f"/index {ODD}"
    assert f"<--torch><{given}>" in make(checkout, "setup", TORCH=given).stdout


@pytest.mark.workflow
def test_the_workflow_runs_in_an_odd_folder(tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    copy_project(folder)
    few = """--config "datasets=[smoke-table]" "dataset_settings={'smoke-table': {'methods': ['constant']}}" """
    result = make(folder, "reproduce", f"EXPERIMENT={SMOKE}", f"ARGS=--cores 2 {few}", CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"The report: {folder.resolve()}/reports/{SMOKE}/index.html" in result.stdout
