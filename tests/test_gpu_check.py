"""The check of a GPU: rehearsed as a whole on the CPU, and what it says when something is missing."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, call, tell

from workflow_scripts import gpu_check
from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.scale import choose_scale, list_learners, list_timed
from workflow_scripts.benchmarks.gpu.table import describe_results
from workflow_scripts.experiment.config import list_experiments
from workflow_scripts.methods.momentum import MomentumMethod
from workflow_scripts.methods.watched import WatchedMethod
from workflow_scripts.support.files import read_json
from workflow_scripts.support.plugins import list_plugins, load_plugin

BLOCK = """import sys
from importlib.machinery import PathFinder


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent} else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """The results of a rehearsal where no package is but those that the check says it needs, and torch's own."""
    folder = tmp_path_factory.mktemp("check")
    needed = {*gpu_check.NEEDED.values(), "jinja2"}
    listed = (ROOT / "envs" / "requirements.in").read_text().splitlines()
    absent = {line.partition("=")[0] for line in listed if line and not line.startswith("#")} - needed
    assert {"snakemake", "scikit-learn", "pydantic", "matplotlib"} <= absent
    text = BLOCK.format(absent={name.replace("scikit-learn", "sklearn").replace("-", "_") for name in absent})
    (folder / "sitecustomize.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-m", "workflow_scripts.gpu_check", "--cpu-rehearsal", "--output", folder / "check.json"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=550, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "printed").write_text(result.stdout)
    return folder / "check.json"


@pytest.fixture(scope="module")
def rehearsed(output) -> dict:
    return read_json(output)


@pytest.mark.workflow
def test_all_parts_measure_something(rehearsed):
    parts = rehearsed["parts"]
    assert list(parts) == sorted(part.name for part in gpu_check.list_parts(choose_scale(rehearsal=True)))
    assert {name: part["error"] for name, part in parts.items() if part["status"] != "done"} == {}
    assert all(part["measurements"] or part["rows"] for part in parts.values())
    assert not [row for part in parts.values() for row in part["rows"] if row.get("error")]
    assert rehearsed["versions"]["torch"]
    assert rehearsed["rehearsal"]


@pytest.mark.workflow
def test_every_method_is_timed_with_and_without_a_compiled_encoder(rehearsed):
    found = rehearsed["parts"]["training"]["measurements"]
    paces = {one["case"]: one["value"] for one in found if one["quantity"] == "pace"}
    names = {run.name for run, _ in list_timed(read_config(choose_scale(rehearsal=True).speed))}
    assert set(paces) == names | {f"{name}, compiled" for name in names}
    assert all(value > 0 for value in paces.values())
    images = {one["case"]: one["value"] for one in found if one["quantity"] == "images"}
    assert images["simclr"] == pytest.approx(paces["simclr"] * 2 * 16)  # two views of each object of a batch


@pytest.mark.workflow
def test_the_learning_curve_has_a_start_an_end_and_the_losses_between(rehearsed):
    rows = rehearsed["parts"]["learning"]["rows"]
    (plan,) = (row for row in rows if row["kind"] == "plan" and row["run"] == "contextssl")
    assert plan["steps"] == 30
    probes = {row["run"]: set() for row in rows if row["kind"] == "probe"}
    for row in rows:
        if row["kind"] == "probe":
            probes[row["run"]].add(row["step"])
    assert probes == {"contextssl": {0, 20, 30}, "supervised": {0, 20, 30}, "random": {0}}
    history = [row for row in rows if row["kind"] == "history" and row["run"] == "contextssl"]
    assert [row["step"] for row in history] == [20, 30]
    assert all(row["loss"] > 0 for row in history)
    read = {(row["task"], row["representation"], row["condition"]) for row in rows if row["kind"] == "probe"}
    assert {("rotation", "z+", "context rotation"), ("color", "z+", "context rotation"), ("color", "h", "")} <= read


@pytest.mark.workflow
def test_on_one_device_the_recipe_is_within_noise(rehearsed):
    """Here "the GPU" is the same CPU, and its seeds are the same."""
    text = describe_results(rehearsed)
    assert "is within the noise of 2 seeds" in text
    cpu, here = (rehearsed["parts"][name]["rows"] for name in ("recipe, seed 1", "recipe on the GPU"))
    key = ("task", "metric", "representation", "condition", "level", "split")
    again = {tuple(row[column] for column in key): row["value"] for row in here if row["seed"] == 1}
    assert {tuple(row[column] for column in key): row["value"] for row in cpu} == again
    assert "An evaluation takes" in text
    assert re.search(r"^contextssl\n\| +step", text, re.MULTILINE)


@pytest.mark.workflow
def test_results_are_printed_and_can_be_shown_again(output, rehearsed, capsys):
    call(gpu_check, "--show", output)
    shown = capsys.readouterr().out
    assert shown == describe_results(rehearsed) + "\n"
    assert shown in (output.parent / "printed").read_text()
    assert "Not measured" not in shown
    assert "bfloat16 matrix product" in shown
    assert not list(output.parent.glob("throughput.csv")), "a rehearsal says nothing of a machine"


@pytest.mark.faults
def test_what_a_check_that_was_cut_off_wrote_can_be_shown(rehearsed):
    cut = copy.deepcopy(rehearsed)
    cut["parts"]["learning"] |= {"status": "running", "rows": cut["parts"]["learning"]["rows"][:40]}
    cut["parts"]["training"] |= {"status": "failed", "error": "Traceback\n  line\nValueError: why\n"}
    cut["parts"]["training"]["rows"] = [{"run": "simclr, compiled", "error": "no compiler"}]
    shown = describe_results(cut)
    assert "learning: running: cut off" in shown
    assert "training: failed: ValueError: why" in shown
    assert "training: simclr, compiled: no compiler" in shown


@pytest.mark.unit
def test_parts_are_chosen_by_the_start_of_their_names():
    parts = gpu_check.list_parts(choose_scale(rehearsal=True))
    assert gpu_check.choose_parts(parts, []) == parts
    chosen = [part.name for part in gpu_check.choose_parts(parts, ["recipe"])]
    assert chosen == [*(f"data for {what}" for what in ("training", "the recipe")), *chosen[2:]]
    assert chosen[2:] == ["recipe, seed 0", "recipe, seed 1", "recipe on the GPU"]


@pytest.mark.unit
def test_all_that_is_missing_is_said_in_one_sentence(monkeypatch):
    real = gpu_check.find_spec
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: None if name in ("yaml", "jsonschema") else real(name))
    monkeypatch.setattr(gpu_check, "TORCH", (99, 0))
    said = tell(gpu_check.check_packages)
    assert "jsonschema, pyyaml" in said
    assert "torch 99.0 or newer" in said
    monkeypatch.undo()
    gpu_check.check_packages()


@pytest.mark.unit
@pytest.mark.parametrize(("text", "parsed"), [("2.11.0+cu130", (2, 11)), ("2.9.1", (2, 9)), ("3.0.0a0+git12", (3, 0))])
def test_versions_are_compared_as_numbers(text, parsed):
    assert gpu_check.parse_version(text) == parsed


@pytest.mark.faults
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "torch finds no GPU here; --cpu-rehearsal"),
        (["--cpu-rehearsal", "--only", "lunch"], "there is no part 'lunch'; choose from machine"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(arguments, said, tmp_path):
    with pytest.raises(SystemExit, match=said):
        call(gpu_check, "--output", tmp_path / "results.json", *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.unit
def test_the_check_is_about_experiments_that_there_are():
    for scale in map(choose_scale, (True, False)):
        assert {scale.speed, scale.learning, scale.recipe} <= set(list_experiments())
    full = choose_scale(rehearsal=False)
    timed = list_timed(read_config(full.speed))
    assert timed[0][0].method == list_timed(read_config(full.learning))[0][0].method == "contextssl"
    assert timed[0][1]["settings"]["width"] == 2048
    trained = {run.method for run, _ in timed}
    methods = {name: load_plugin("methods", name, "METHOD") for name in list_plugins("methods", "METHOD")}
    apart = (WatchedMethod, MomentumMethod)  # of views that the experiment has not
    expected = {name for name, method in methods.items() if method.trains and not issubclass(method, apart)}
    assert trained == expected - {"contextssl_decoyed"}  # its steps are contextssl's, and no full experiment has it
    assert [name for name, _ in list_learners(read_config(full.learning))] == ["contextssl", "supervised", "random"]
    json.dumps(timed[0][1])
