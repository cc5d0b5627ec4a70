"""One order of precedence for every kind of setting, and one way in which each layer departs from the one below."""

import copy

import pytest

from workflow_scripts.experiment.checking import merge
from workflow_scripts.experiment.config import complete_config, load_experiment
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit

# From the weakest to the strongest, above the defaults of the dataclasses; the top level has no settings of a method.
LAYERS = [
    (),
    ("method_settings", "contextssl"),
    ("dataset_settings", "toy"),
    ("dataset_settings", "toy", "method_settings", "contextssl"),
    ("variants", "changed"),
]
OF_A_METHOD = [1, 3, 4]  # layers with `settings`
RUN = parse_run("contextssl", "toy", "contextssl~changed", 0)


@pytest.fixture(scope="module")
def base():
    config = load_experiment("contextssl/small")
    return config | {
        "datasets": ["toy"],
        "methods": ["contextssl~changed"],
        "dataset_settings": {"toy": {"source": "embedded", "views": {"kind": "stored"}}},
        "encoders": {str(i): {"kind": "small", "dim": i} for i in range(1, 10)},
        "encoder": "9",
        "training": {},
        "method_settings": {},
        "variants": {"changed": {}},
    }


@pytest.fixture
def config(base, monkeypatch):
    monkeypatch.setattr("workflow_scripts.experiment.runs.check_agreement", lambda *_: None)  # whether they go together
    return copy.deepcopy(base)


def depart(config, layer, overlay):
    place = config
    for key in LAYERS[layer]:
        place = place.setdefault(key, {})
    place.update(merge(place, overlay))


def settle(config):
    return get_settings(complete_config(config), RUN)


OVERLAYS = {
    "encoder": lambda value: {"encoder": str(value)},
    "training": lambda value: {"training": {"steps": value}},
    "optimizer": lambda value: {"training": {"optimizer": {"weight_decay": float(value)}}},
    "schedule": lambda value: {"training": {"schedule": {"warmup_steps": value}}},
    "settings": lambda value: {"settings": {"width": value}},
}
READ = {
    "encoder": lambda settings: settings["encoder"]["dim"],
    "training": lambda settings: settings["training"]["steps"],
    "optimizer": lambda settings: settings["training"]["optimizer"]["weight_decay"],
    "schedule": lambda settings: settings["training"]["schedule"]["warmup_steps"],
    "settings": lambda settings: settings["settings"]["width"],
}


@pytest.mark.parametrize("kind", OVERLAYS)
def test_every_layer_wins_over_those_below(config, kind):
    layers = OF_A_METHOD if kind == "settings" else range(len(LAYERS))
    for layer in layers:
        depart(config, layer, OVERLAYS[kind](layer + 1))
        assert READ[kind](settle(config)) == layer + 1
    for layer in reversed(layers[1:]):  # and takes away nothing but what it says
        place = config
        for key in LAYERS[layer]:
            place = place[key]
        for key in OVERLAYS[kind](0):
            del place[key]
        assert READ[kind](settle(config)) == layers[layers.index(layer) - 1] + 1


@pytest.mark.parametrize("layer", range(1, len(LAYERS)))
def test_a_layer_leaves_alone_what_it_does_not_name(config, layer):
    depart(config, 0, {"training": {"lr": 0.5, "optimizer": {"betas": [0.1, 0.2]}, "schedule": {"floor": 0.25}}})
    before = settle(config)
    depart(config, layer, {"training": {"steps": 5, "optimizer": {"weight_decay": 0.5}}})
    after = settle(config)
    assert after["training"].pop("steps") == 5
    assert after["training"]["optimizer"].pop("weight_decay") == 0.5
    del before["training"]["steps"], before["training"]["optimizer"]["weight_decay"]
    assert after == before


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_another_kind_replaces_the_whole_map(config, layer):
    depart(config, 0, {"training": {"optimizer": {"kind": "adam", "betas": [0.1, 0.2], "weight_decay": 0.5}}})
    depart(config, layer, {"training": {"optimizer": {"kind": "sgd", "momentum": 0.5}}})
    found = settle(config)["training"]["optimizer"]
    defaults = {key: own.get("default") for key, own in read_schema("optimizers", "sgd")["properties"].items()}
    assert found == {**defaults, "kind": "sgd", "momentum": 0.5}


def test_the_same_kind_named_again_departs_from_the_map_below(config):
    depart(config, 1, {"training": {"optimizer": {"weight_decay": 0.5}}})  # of adam, the default
    depart(config, 4, {"training": {"optimizer": {"kind": "adam", "betas": [0.1, 0.2]}}})
    assert settle(config)["training"]["optimizer"] == {"kind": "adam", "betas": [0.1, 0.2], "weight_decay": 0.5}


def test_a_variant_departs_from_the_data_sets_views(config):
    config["dataset_settings"]["toy"]["views"] |= {"hue": "circular"}
    depart(config, 4, {"dataset": {"views": {"groups": ["color"]}, "holdout": {"share": 0.5}}})
    found = settle(config)["dataset"]
    views = {"kind": "stored", "groups": ["color"], "canonical_quaternions": False, "hue": "circular"}
    assert found == {"views": views, "holdout": {"share": 0.5, "seed": 0}}
    depart(config, 4, {"dataset": {"views": {"kind": "plain"}}})
    config["variants"]["changed"]["dataset"]["views"].pop("groups", None)
    assert settle(config)["dataset"]["views"] == {"kind": "plain"}


def test_nothing_said_is_the_defaults(config):
    defaults = {key: own["default"] for key, own in read_schema("methods", "contextssl")["properties"].items()}
    assert settle(config)["settings"] == defaults
    assert settle(config)["training"]["steps"] == read_schema("training", "training")["properties"]["steps"]["default"]


@pytest.mark.parametrize("layer", OF_A_METHOD)
def test_a_mistake_is_told_where_it_stands(config, layer):
    depart(config, layer, {"settings": {"heads": 0}})
    with pytest.raises(UserError, match=rf"^config: {'.'.join(LAYERS[layer])}\.settings\.heads: 0 is less"):
        complete_config(config)


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_a_mistake_that_only_shows_with_what_is_below_is_told_where_it_stands(config, layer):
    depart(config, 0, {"training": {"optimizer": {"kind": "sgd"}}})
    depart(config, layer, {"training": {"optimizer": {"betas": [0.1, 0.2]}}})
    where = ".".join([*LAYERS[layer], "training", "optimizer"])
    with pytest.raises(UserError, match=rf"^config: unknown key 'betas' at {where}; "):
        complete_config(config)
