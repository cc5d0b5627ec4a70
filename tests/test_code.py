"""Fingerprints of code: what decides the numbers of a run is in them, and nothing that the run does not use."""

import pytest

from workflow_scripts.experiment import code
from workflow_scripts.experiment.code import PACKAGE, hash_code, list_evaluation_code, list_training_code
from workflow_scripts.experiment.config import list_experiments, load_experiment
from workflow_scripts.experiment.rooms import ROOMS, list_kinds
from workflow_scripts.experiment.runs import get_settings, list_runs, parse_run
from workflow_scripts.support.plugins import module_name

pytestmark = pytest.mark.unit
SETTINGS = {
    f"{run.dataset}/{run.name}": get_settings(config, run)
    for config in map(load_experiment, list_experiments())
    for run in list_runs(config)
}
STORED, AUGMENTED = SETTINGS["embedded/simclr"], SETTINGS["cifar10-small-crop-blur/simclr"]
EVALUATORS = ["classes", "retrieval"]
BOTH = {
    "training": list_training_code,
    "evaluation": lambda settings: list_evaluation_code(settings, EVALUATORS),
}


SHARED = {"models/encoders/base.py", "methods/base.py", "training/run.py", "data/views/__init__.py", "data/packed.py"}


@pytest.mark.parametrize("of", BOTH)
def test_all_that_a_run_is_made_of_counts(of):
    for settings in SETTINGS.values():
        files, views = set(BOTH[of](settings)), settings["dataset"]["views"]
        own = {
            f"methods/{module_name(settings['method'])}.py",
            f"models/encoders/{settings['encoder']['kind']}.py",
            f"data/views/{views['kind']}.py",
            *(f"data/augmentations/{entry['kind']}.py" for entry in views.get("augmentations", [])),
        }
        assert {*own, *SHARED, "data/actions.py", "support/seeding.py"} <= files
        assert all((PACKAGE / file).is_file() for file in files)


def test_an_evaluation_counts_what_measures_and_what_names_contexts():
    files = set(list_evaluation_code(STORED, EVALUATORS))
    assert {f"evaluation/evaluators/{name}.py" for name in (*EVALUATORS, "base")} <= files
    assert {"evaluate.py", "evaluation/probes.py", "evaluation/contexts.py", "experiment/kinds.py", "rows.py"} <= files
    assert not {"training/loop.py", "training/optimisation.py", "pretrain.py"} & files


def test_a_training_counts_the_loop_but_no_evaluation():
    files = set(list_training_code(STORED))
    assert {"pretrain.py", "training/loop.py", "training/optimisation.py", "training/batches.py"} <= files
    assert not [file for file in files if file.startswith(("evaluation/", "reporting/"))]


def test_an_imported_run_counts_what_imports_it():
    settings = {**SETTINGS["3diebench/contextssl"]}
    settings["training"] = {**settings["training"], "checkpoint": "a.pt"}
    files = set(list_training_code(settings))
    assert "import_checkpoint.py" in files
    assert not {"pretrain.py", "training/loop.py"} & files


@pytest.mark.parametrize("of", BOTH)
@pytest.mark.parametrize("settings", [STORED, AUGMENTED], ids=["stored", "augmented"])
def test_a_plug_in_that_is_not_used_makes_nothing_stale(of, settings):
    """Whatever else is in their packages, or is added to them, is not in the fingerprint."""
    used = {
        "methods": {"simclr"},
        "encoders": {settings["encoder"]["kind"]},
        # Kinds of views may build on one another, so only those that no other imports are counted out.
        # An evaluation sees other data than the run's own as they are: as plain views.
        "views": {settings["dataset"]["views"]["kind"], *(["plain"] if of == "evaluation" else [])},
        "augmentations": {entry["kind"] for entry in settings["dataset"]["views"].get("augmentations", [])},
        "evaluators": set(EVALUATORS) if of == "evaluation" else set(),
    }
    files = set(BOTH[of](settings))
    for room, place in ROOMS.items():
        folder = place.package.replace(".", "/")
        others = {f"{folder}/{module_name(name)}.py" for name in set(list_kinds(room)) - used.get(room, set())}
        assert others
        assert not others & files
        assert not {folder, f"{folder}/"} & files


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a few modules, each of which may change."""
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    sources = {
        "pretrain.py": "def main():\n    from workflow_scripts.a import x, one\n    import workflow_scripts.b.two",
        "a/__init__.py": "from workflow_scripts.c import y",
        "a/one.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workflow_scripts.types import T",
        "b/__init__.py": '"""Only a docstring."""',
        "b/two.py": "from workflow_scripts.support.errors import UserError\nfrom workflow_scripts import d",
        **dict.fromkeys(("c.py", "d.py", "types.py", "unused.py", "support/errors.py"), "x = 1"),
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    cached = (code._follow, code._list_imports, code.hash_code)
    for function in cached:
        function.cache_clear()
    yield tmp_path
    for function in cached:
        function.cache_clear()


def test_imports_are_followed_wherever_they_stand(package):
    assert code._follow(("pretrain.py",)) == ("a/__init__.py", "a/one.py", "b/two.py", "c.py", "d.py", "pretrain.py")


def test_the_hash_changes_with_content_and_with_nothing_else(package):
    files = code._follow(("pretrain.py",))
    before = hash_code(files)
    for name, same in (("unused.py", True), ("types.py", True), ("support/errors.py", True), ("c.py", False)):
        (package / name).write_text("x = 2")
        hash_code.cache_clear()
        assert (hash_code(files) == before) == same, name


def test_runs_of_one_method_share_their_code():
    config = load_experiment("contextssl/small")
    one, other = (get_settings(config, parse_run("contextssl", "embedded", "simclr", seed)) for seed in (0, 1))
    assert list_training_code(one) == list_training_code(other)
