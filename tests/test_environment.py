"""The environments: one list of packages, however it is installed."""

from pathlib import Path

import pytest

from workflow_scripts.experiment.plain import read_yaml

pytestmark = pytest.mark.unit
ENVS = Path(__file__).parents[1] / "envs"


def test_conda_environment_lists_the_same_packages():
    lines = (ENVS / "requirements.in").read_text().splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    pip = next(
        entry["pip"] for entry in read_yaml(ENVS / "environment.yaml")["dependencies"] if isinstance(entry, dict)
    )
    assert pip == wanted


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locked_environments_have_every_package_with_hashes(name):
    locked = (ENVS / name).read_text().lower()
    for package in (ENVS / "requirements.in").read_text().lower().splitlines():
        if package and not package.startswith("#"):
            assert f"\n{package.partition('=')[0]}==" in f"\n{locked}"
    assert locked.count("--hash=sha256:") > locked.count("==")
