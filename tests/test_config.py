"""Configs: the shipped ones are valid, and each mistake is one clear sentence."""

import copy
import dataclasses
from pathlib import Path

import pytest
import yaml

from workflow_scripts.experiment import identity
from workflow_scripts.experiment.config import SCHEMA, check_config, read_yaml
from workflow_scripts.experiment.identity import check_identity, claim_run, first_difference
from workflow_scripts.experiment.runs import Run, get_settings, list_runs, merge, parse_run
from workflow_scripts.methods.base import load_method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
OVERLAYS = sorted((ROOT / "experiments").glob("*.yaml"))


@pytest.fixture
def config():
    return copy.deepcopy(read_yaml(ROOT / "config.yaml"))


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "config")
def test_shipped_configs_are_valid_and_fit_their_methods(config, overlay):
    config = merge(config, read_yaml(overlay)) if overlay else config
    check_config(config)
    for run in list_runs(config):
        fields = {field.name for field in dataclasses.fields(load_method(run.method).Settings)}
        assert set(get_settings(config, run)["method_settings"]) == fields


def test_schema_knows_the_settings_of_every_method(config):
    schema = read_yaml(SCHEMA)
    definitions, known = schema["$defs"], schema["properties"]["method_settings"]["properties"]
    for name in config["method_settings"]:
        fields = {field.name for field in dataclasses.fields(load_method(name).Settings)}
        if name in known:
            own = definitions[known[name]["properties"]["settings"]["$ref"].rpartition("/")[2]]
            parts = [definitions[part["$ref"].rpartition("/")[2]] for part in own.get("allOf", [])]
            assert {key for part in (own, *parts) for key in part["properties"]} == fields, name
        assert set(config["method_settings"][name]["settings"]) == fields, name


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["trainning"], {}, "unknown key 'trainning' at the top level; did you mean 'training'?"),
        (["training", "stepz"], 3, "unknown key 'stepz' at training; did you mean 'steps'?"),
        (["method_settings", "simclr", "settings", "temprature"], 1, "did you mean 'temperature'?"),
        (["method_settings", "contextssl", "settings", "widht"], 1, "did you mean 'width'?"),
        (["method_settings", "contextssl", "settings", "width"], 0, "settings.width: 0 is less than the minimum"),
        (["training", "steps"], 0, "training.steps"),
        (["seeds"], [], "seeds"),
        (["datasets"], ["nowhere"], "datasets names 'nowhere', which dataset_settings does not define"),
        (["encoder"], "vgg", "encoder names 'vgg'"),
        (["sources", "embedded", "download"], "cifar10", "sources.embedded"),
    ],
)
def test_mistakes_are_named(config, path, value, message):
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(UserError) as caught:
        check_config(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "simclr@green", "simclr~wild", "Sim CLR", "../simclr"])
def test_undefined_runs_are_refused(config, name):
    config["methods"] = [name]
    with pytest.raises(UserError):
        list_runs(config)


def test_run_names():
    run = parse_run("d", "equimod@rotation~mask0.5", 2)
    assert run == Run("d", "equimod", "rotation", "mask0.5", 2)
    assert run.folder == "results/d/equimod@rotation~mask0.5/seed2"
    assert parse_run("d", "simclr+", 0).method == "simclr+"


def test_runs_are_the_product_of_the_selections(config):
    config |= {"seeds": [0, 1], "methods": ["simclr", "contextssl"], "datasets": ["embedded"]}
    assert {(run.name, run.seed) for run in list_runs(config)} == {
        ("simclr", 0),
        ("simclr", 1),
        ("contextssl", 0),
        ("contextssl", 1),
    }


def test_variants_and_method_training_override(config):
    config["variants"] = {"nomask": {"method_settings": {"mask_probability": 0.0}}}
    config["method_settings"]["contextssl"]["training"] = {"lr": 0.5}
    settings = get_settings(config, parse_run("embedded", "contextssl~nomask", 0))
    assert settings["method_settings"]["mask_probability"] == 0.0
    assert settings["training"]["lr"] == 0.5
    assert settings["training"]["batch_pairs"] == config["training"]["batch_pairs"]


def test_a_checkpoint_is_imported_once_however_many_seeds(config):
    variants = {**config["variants"], "authors": {"training": {"import": "a.pt"}}}
    changed = {"variants": variants, "methods": ["contextssl", "contextssl~authors"], "seeds": [3, 4]}
    runs = list_runs({**config, **changed})
    own = [(run.variant, run.seed) for run in runs if run.dataset == "embedded"]
    assert own == [("", 3), ("", 4), ("authors", 3)]


def test_engine_is_not_part_of_a_run(config):
    before = get_settings(config, parse_run("embedded", "simclr", 0))
    config["engine"]["threads"] = 17
    assert get_settings(config, parse_run("embedded", "simclr", 0)) == before


def test_a_folder_of_other_settings_or_data_is_refused(tmp_path):
    data = tmp_path / "packed"
    write_json(data / "meta.json", {"sha256": {"inputs.npy": "a"}})
    run, settings = tmp_path / "run", {"method": "simclr", "training": {"steps": 1, "lr": 2}}
    claim_run(run, settings, data)
    claim_run(run, settings, data)
    with pytest.raises(UserError, match=r"training\.steps: 1 there, 5 now"):
        check_identity(run, {**settings, "training": {"steps": 5, "lr": 2}})
    write_json(data / "meta.json", {"sha256": {"inputs.npy": "b"}})
    with pytest.raises(UserError, match="made from other data"):
        claim_run(run, settings, data)


def test_a_training_that_goes_on_keeps_the_code_it_began_with(tmp_path, monkeypatch):
    write_json(tmp_path / "packed" / "meta.json", {"sha256": {}})
    run, settings = tmp_path / "run", {"method": "simclr"}
    first = claim_run(run, settings, tmp_path / "packed")
    monkeypatch.setattr(identity, "hash_code", lambda parts: "newer")
    assert claim_run(run, settings, tmp_path / "packed")["code"] == "newer"  # nothing was trained yet
    write_json(run / "run.json", {"settings": settings, "identity": first})
    (run / "state").mkdir()
    (run / "state" / "checkpoint.pt").touch()
    assert claim_run(run, settings, tmp_path / "packed") == first


def test_a_run_that_starts_from_other_weights_is_another(tmp_path):
    write_json(tmp_path / "packed" / "meta.json", {"sha256": {}})
    run, settings, start = tmp_path / "run", {"method": "simclr"}, tmp_path / "start.safetensors"
    plain = claim_run(tmp_path / "plain", settings, tmp_path / "packed")
    start.write_bytes(b"first")
    first = claim_run(run, settings, tmp_path / "packed", start)
    (run / "state").mkdir()
    (run / "state" / "checkpoint.pt").touch()
    assert claim_run(run, settings, tmp_path / "packed", start) == first
    start.write_bytes(b"trained again")
    second = claim_run(run, settings, tmp_path / "packed", start)
    assert len({plain["hash"], first["hash"], second["hash"]}) == 3


def test_a_second_draw_is_trained_as_the_first_is(config):
    overlay = read_yaml(ROOT / "experiments" / "embedded-draws.yaml")
    both = merge(config, overlay)
    one, other = (get_settings(both, parse_run(name, "simclr", 0)) for name in ("embedded", "embedded-draw1"))
    assert {**one, "dataset": None} == {**other, "dataset": None}


def test_a_method_that_is_added_changes_no_other_methods_code(tmp_path):
    own = identity.list_training_code("simclr")
    assert {"methods/simclr.py", "methods/base.py", "methods/losses.py", "models/encoders.py"} <= set(own)
    assert not {"methods", "methods/vicreg.py", "models/context.py"} & set(own)
    assert "models/context.py" in identity.list_evaluation_code("contextssl")


def test_first_difference_names_missing_keys():
    assert first_difference({"a": {"b": 1}}, {"a": {}}) == "a.b: 1 there, None now"


def test_yaml_with_tags_is_refused(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("a: !!python/object/apply:os.system ['true']")
    with pytest.raises(UserError, match="not plain YAML"):
        read_yaml(file)
    assert yaml.safe_load("a: 1") == {"a": 1}
