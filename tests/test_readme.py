"""README.md: its verdicts are generated, and its commands exist."""

import re
import subprocess

import pytest
from conftest import ROOT

from workflow_scripts.readme import README, VERDICTS, fill_readme, read_verdicts, render_verdicts
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

pytestmark = pytest.mark.unit


def test_verdicts_are_those_that_are_kept():
    kept = read_json(VERDICTS)
    text = README.read_text()
    assert fill_readme(text, kept) == text, "README.md is not what docs/reproduced.json says; run: make readme"
    assert "reproduced" in render_verdicts(kept)


def test_verdicts_come_from_scorecards(tmp_path):
    with pytest.raises(UserError, match="run make reproduce first"):
        read_verdicts(tmp_path)
    table = {"scope": "toy", "rows": [["id", "It works", "not reproduced"]], "caveat": "small"}
    write_json(tmp_path / "toy.scorecard.json", table)
    text = render_verdicts(read_verdicts(tmp_path))
    assert "| It works | not reproduced |" in text
    assert "toy: small." in text


def test_every_command_of_the_readme_has_a_recipe():
    """Make resolves target and options of each; what they run is tested elsewhere."""
    commands = re.findall(r"^    (make [^#\n]+)", README.read_text(), re.MULTILINE)
    assert len(commands) > 12
    for line in commands:
        planned = subprocess.run(["bash", "-c", f"{line.strip()} --dry-run"], cwd=ROOT, capture_output=True, text=True)
        assert planned.returncode == 0, planned.stderr
        for experiment in re.findall(r"EXPERIMENT=(\S+)", line):
            assert (ROOT / "experiments" / f"{experiment}.yaml").exists()
