"""docs/extending.md, done as it says: its files written, its commands run, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: (>> )?(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARTS = ("workflow_scripts", "rules", "papers", "experiments", "schemas", "profiles", "envs")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with this environment, after everything in the document was done."""
    folder = tmp_path_factory.mktemp("project")
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder / name)
    environment = Path(sys.executable).parents[1]
    (folder / ".venv").symlink_to(environment)
    (environment / "runtime.installed").touch()  # what runs this test has what the commands need
    for kind, appended, path, content in BLOCK.findall((ROOT / "docs" / "extending.md").read_text()):
        if kind == "snakemake":
            continue
        if kind == "bash":
            variables = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
            result = subprocess.run(
                ["bash", "-ec", content], cwd=folder, env=variables, capture_output=True, text=True, timeout=500
            )
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        else:
            assert bool(appended) == (folder / path).exists()
            with open(folder / path, "a") as file:
                file.write(content)
    return folder


def read_main(project, report):
    (table,) = (project / "reports" / report / "tables").glob("*.main.csv")
    return pd.read_csv(table).set_index(["method", "column"])["mean"]


def test_the_new_method_is_in_the_main_table(project):
    found = read_main(project, "smoke")
    assert found["barlow_twins"].notna().all()
    assert set(found["simclr"].index) == set(found["barlow_twins"].index)


def test_the_new_data_set_is_reported_under_the_new_paper(project):
    found = read_main(project, "digits")
    assert {"contextssl", "barlow_twins", "constant"} <= set(found.index.unique("method"))
    assert found["barlow_twins", "Top-1"] > 20
    page = (project / "reports" / "digits" / "index.html").read_text()
    assert "Barlow Twins reads digits better than chance" in page
    assert "reproduced" in (project / "reports" / "digits" / "tables" / "digits.scorecard.md").read_text()


def test_another_workflow_uses_this_one_as_a_module(tmp_path):
    (tmp_path / "in-context-symmetries").symlink_to(ROOT)
    blocks = BLOCK.findall((ROOT / "docs" / "extending.md").read_text())
    (snakefile,) = [content for kind, _, _, content in blocks if kind == "snakemake"]
    (tmp_path / "Snakefile").write_text(snakefile)
    binaries = Path(sys.executable).parent
    variables = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
    command = [binaries / "snakemake", "--cores", "2"]
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "random" in (tmp_path / "first.csv").read_text()
    assert (tmp_path / "results" / "smoke" / "random" / "seed0" / "weights.safetensors").exists()
