"""docs/extending.md, done as it says: its files written, its commands run, in a copy of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from project import run_as_user

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: (>> )?(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def extended(project):
    """The project after everything in the document was done."""
    for kind, appended, path, content in BLOCK.findall((ROOT / "docs" / "extending.md").read_text()):
        if kind == "snakemake":
            continue
        if kind == "bash":
            result = run_as_user(project, content)
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        else:
            assert bool(appended) == (project / path).exists()
            with open(project / path, "a") as file:
                file.write(content)
    return project


def read_main(extended, report):
    (table,) = (extended / "reports" / report / "tables").glob("*.main.csv")
    return pd.read_csv(table).set_index(["method", "column"])["mean"]


def test_the_new_method_is_in_the_main_table(extended):
    found = read_main(extended, "barlow")
    assert found["barlow_twins"].notna().all()
    assert set(found["simclr"].index) == set(found["barlow_twins"].index)


def test_the_new_data_set_is_reported_under_the_new_paper(extended):
    found = read_main(extended, "digits")
    assert {"contextssl", "barlow_twins", "constant"} <= set(found.index.unique("method"))
    assert found["barlow_twins", "Top-1"] > 20
    page = (extended / "reports" / "digits" / "index.html").read_text()
    assert "Barlow Twins reads digits better than chance" in page
    assert "| reproduced" in (extended / "reports" / "digits" / "tables" / "digits.scorecard.md").read_text()


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
