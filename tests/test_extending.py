"""docs/extending.md, done as it says: its files written, its commands run, in a copy of the project."""

import json
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
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def extended(project):
    """The project after everything in the document was done: files are added, and none is changed."""
    before = {path: path.read_bytes() for path in list_files(project)}
    for kind, path, content in BLOCK.findall((ROOT / "docs" / "extending.md").read_text()):
        if kind == "snakemake":
            continue
        if kind == "bash":
            result = run_as_user(project, content)
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        else:
            assert not (project / path).exists()
            (project / path).parent.mkdir(exist_ok=True)
            (project / path).write_text(content)
    assert all(path.read_bytes() == content for path, content in before.items())
    return project


def list_files(project):
    folders = ("workflow_scripts", "rules", "papers", "schemas", "profiles")
    return [
        path
        for folder in folders
        for path in (project / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def read_table(extended, report, paper, name):
    (table,) = (extended / "reports" / report / "tables" / paper).glob(f"*.{name}.csv")
    return pd.read_csv(table).set_index(["method", "column"])["mean"]


def test_the_new_method_is_in_the_main_table(extended):
    found = read_table(extended, "mine/barlow", "contextssl", "main")
    assert found["barlow_twins"].notna().all()
    assert set(found["simclr"].index) == set(found["barlow_twins"].index)


def test_the_new_data_set_is_reported_under_the_new_paper(extended):
    found = read_table(extended, "digits/small", "digits", "main")
    assert {"contextssl", "barlow_twins", "constant"} <= set(found.index.unique("method"))
    assert found["barlow_twins", "Top-1"] > 20
    page = (extended / "reports" / "digits" / "small" / "index.html").read_text()
    assert "Barlow Twins reads digits better than chance" in page
    assert (
        "| reproduced"
        in (extended / "reports" / "digits" / "small" / "tables" / "digits" / "digits.scorecard.md").read_text()
    )


def test_the_new_finding_is_a_headline(extended):
    table = extended / "reports" / "digits" / "small" / "tables" / "digits" / "digits.main.json"
    (found,) = json.loads(table.read_text())["findings"]
    assert found["text"].startswith("Top-1 is highest in ")
    assert found["headline"]
    assert {bar["label"] for bar in found["bars"]} == {"contextssl", "barlow_twins", "constant"}


def test_the_new_evaluator_looks_at_other_data(extended):
    found = read_table(extended, "digits/small", "digits", "few_examples")
    assert set(found.index.unique("column")) == {"1 shot", "5 shots"}
    assert found.between(0, 100).all()
    assert found["constant"].tolist() == pytest.approx([100 / 3] * 2)  # three classes of equal size, all features alike


def test_another_workflow_uses_this_one_as_a_module(tmp_path):
    (tmp_path / "in-context-symmetries").symlink_to(ROOT)
    blocks = BLOCK.findall((ROOT / "docs" / "extending.md").read_text())
    (snakefile,) = [content for kind, _, content in blocks if kind == "snakemake"]
    (tmp_path / "Snakefile").write_text(snakefile)
    binaries = Path(sys.executable).parent
    variables = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
    command = [binaries / "snakemake", "--cores", "2"]
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "random" in (tmp_path / "first.csv").read_text()
    assert (tmp_path / "results" / "contextssl" / "smoke" / "random" / "seed0" / "weights.safetensors").exists()
