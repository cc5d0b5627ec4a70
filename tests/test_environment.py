"""The environments: one list of packages, however it is installed."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from runtime_only import list_development_modules, list_runtime, normalise

from workflow_scripts.experiment.plain import read_yaml

pytestmark = pytest.mark.unit
ENVS = Path(__file__).parents[1] / "envs"
LISTS = ["requirements.txt", "requirements-dev.txt"]


def read_asked(name="requirements.in"):
    """The lines of a list of packages that name one."""
    lines = [line.strip() for line in (ENVS / name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def read_locked(name):
    """Versions by package, of lines such as `name==1.2 ; python_version < "3.13" \\`."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,]+\])?==(\S+)", (ENVS / name).read_text(), re.MULTILINE)
    return {normalise(package): version for package, version in found}


def read_conda():
    """The packages of the conda environment, and those that its pip installs."""
    entries = read_yaml(ENVS / "environment.yaml")["dependencies"]
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return [entry for entry in entries if isinstance(entry, str)], pip


def test_conda_environment_lists_the_same_packages():
    assert read_conda()[1] == read_asked()


def test_conda_environment_accepts_the_locked_versions():
    """It is not solved here; but what it asks for can be had together, since the lock is an answer to it."""
    own, pip = read_conda()
    for name in LISTS:
        locked = read_locked(name)
        for line in pip:
            wanted = Requirement(line)
            assert wanted.specifier.contains(locked[normalise(wanted.name)], prereleases=True), line
    python = next(entry for entry in own if entry.startswith("python="))
    supported = re.search(r'^VERSIONS="([\d. ]+)"', (ENVS / "setup.sh").read_text(), re.MULTILINE)[1].split()
    assert python.removeprefix("python=") in supported
    assert set(own) == {python, "pip"}


def test_both_locks_have_the_same_versions_of_what_they_share():
    runtime, development = map(read_locked, LISTS)
    assert set(runtime) < set(development)
    assert {name: development[name] for name in runtime} == runtime


@pytest.mark.parametrize("name", LISTS)
def test_locked_environments_have_every_package_with_hashes(name):
    text, locked = (ENVS / name).read_text(), read_locked(name)
    asked = read_asked() + (read_asked("requirements-dev.in") if "dev" in name else [])
    assert not {normalise(Requirement(line).name) for line in asked} - set(locked)
    assert text.count("--hash=sha256:") > len(locked)


def test_what_only_tests_need_is_known():
    """Whatever the list of a user asks for, and what that needs, is no package of tests."""
    assert {"pygments", "huggingface-hub", "rocrate", "markupsafe"} <= list_runtime()
    hidden = list_development_modules()
    assert {"pytest", "hypothesis", "mypy", "selenium"} <= hidden
    assert not {"torch", "yaml", "snakemake", "pygments", "docutils", "PIL", "attr"} & hidden


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_hold_for_every_python_that_setup_takes(name):
    """Each asked package once, on each Python, on a machine like those of CI."""
    setup = (ENVS / "setup.sh").read_text()
    ci = yaml.safe_load((ENVS.parent / ".github" / "workflows" / "ci.yaml").read_text())
    versions = re.search(r'^VERSIONS="([\d. ]+)"', setup, re.MULTILINE)[1].split()
    assert versions == ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    lines = re.findall(r"^([A-Za-z0-9].*?) \\$", (ENVS / name).read_text(), re.MULTILINE)
    asked = {normalise(Requirement(line).name) for line in read_asked()}
    for version in versions:
        here = {"python_version": version, "python_full_version": f"{version}.9", "sys_platform": "linux"}
        here |= {"os_name": "posix", "platform_machine": "x86_64", "implementation_name": "cpython"}
        wanted = [Requirement(line) for line in lines]
        names = [normalise(one.name) for one in wanted if not one.marker or one.marker.evaluate(here)]
        assert len(names) == len(set(names))
        assert asked <= set(names)
