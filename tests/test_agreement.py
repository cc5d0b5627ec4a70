"""What planning refuses because two parts of a run do not go together, each in one sentence."""

import copy
import importlib

import pytest
from project import tell

from workflow_scripts.experiment.config import complete_config, load_experiment
from workflow_scripts.experiment.rooms import list_kinds, read_schema
from workflow_scripts.support.plugins import load_plugin

pytestmark = pytest.mark.unit
IMAGES = {"kind": "augmented", "augmentations": [{"kind": "rotation", "group": "rotation"}]}


@pytest.fixture(scope="module")
def loaded():
    return load_experiment("essl/small")


@pytest.fixture
def images(loaded):
    """An experiment whose views methods transform themselves, to be changed."""
    return copy.deepcopy(loaded)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        (
            "pretext@rotation",
            {"measure_every": 300},
            "pretext@rotation on cifar10-16: settings.measure_every (300) does not divide training.steps (2000); "
            "choose one that does, so that the end of training is a point",
        ),
        ("random_probe", {"measure_every": 2001}, "settings.measure_every (2001) does not divide training.steps"),
        ("random_probe", {"measure_every": 2000}, None),
        (
            "care@rotation~plain_crop_flip",
            {"chunks": 5},
            "settings.chunks (5) does not divide training.batch (64); choose one that does, so that all chunks are of",
        ),
        (
            "care@rotation~plain_crop_flip",
            {"chunks": 64},
            "care@rotation~plain_crop_flip on cifar10-16: settings.chunks (64) does not divide training.batch (64) "
            "2 times or more; choose a smaller one, so that all chunks are of one size, of two images or more",
        ),
        ("care@rotation~plain_crop_flip", {"chunks": 32}, None),
        (
            "pretext@rotation",
            {"class_loss": "adversarial", "class_weight": -1},
            "settings.class_weight is -1, but below 0 it goes with class_loss joint only, not adversarial; give it a",
        ),
        ("pretext@rotation", {"class_loss": "joint", "class_weight": -1}, None),
        ("care@rotation~plain_crop_flip", {"class_weight": -0.5}, "settings.class_weight is -0.5, but below 0 it goes"),
    ],
)
def test_numbers_that_are_bound_to_others(images, method, settings, message):
    images["methods"] = [method]
    own = images["method_settings"].setdefault(method.partition("@")[0], {}).setdefault("settings", {})
    own |= settings
    if message is None:
        complete_config(images)
    else:
        assert message in tell(complete_config, images)


def test_the_settings_of_a_variant_count(images):
    images["variants"]["cls"]["training"] = {"steps": 2100}
    message = tell(complete_config, images)
    assert message.startswith("pretext@rotation~cls on cifar10-16: settings.measure_every (500) does not divide")


def set_views(config, views):
    config["dataset_settings"]["cifar10-16"]["views"] = views
    config["variants"] = {}


@pytest.mark.parametrize("method", ["pretext@rotation", "care@rotation", "random_probe"])
def test_a_method_that_transforms_images_needs_views_that_leave_it_to_it(images, method):
    images["methods"] = [method]
    complete_config(images)
    set_views(images, IMAGES)
    name = method.partition("@")[0]
    assert tell(complete_config, images) == (
        f"{method} on cifar10-16: {name} transforms images itself, but views.kind is augmented; take a data set whose "
        "views.kind is transformable"
    )


@pytest.mark.parametrize("method", ["equimod@rotation", "sie@rotation", "sen@rotation", "contextssl"])
def test_a_method_that_learns_from_actions_needs_views_that_have_some(images, method):
    images["methods"] = [method]
    name = method.partition("@")[0]
    message = tell(complete_config, images)
    assert message.startswith(f"{method} on cifar10-16: {name} learns from actions between views, but where views.kind")
    set_views(images, IMAGES)
    complete_config(images)


def test_methods_without_actions_take_either(images):
    images["methods"] = ["simclr", "simclr+", "vicreg", "vicreg+", "supervised", "random", "constant"]
    complete_config(images)
    set_views(images, IMAGES)
    complete_config(images)


def test_what_plans_read_is_what_methods_and_views_are():
    """A method that needs a group either predicts its actions or transforms images; planning tells which."""
    from workflow_scripts.data.transformations import TransformationSpace
    from workflow_scripts.methods.base import PredictorMethod
    from workflow_scripts.methods.watched import WatchedMethod

    for name in list_kinds("methods"):
        cls, schema = load_plugin("methods", name, "METHOD"), read_schema("methods", name)
        assert bool(schema.get("x-transforms")) is issubclass(cls, WatchedMethod)
        if schema["x-needs_group"]:
            assert issubclass(cls, (PredictorMethod, WatchedMethod))
    for name in list_kinds("views"):
        module = importlib.import_module(load_plugin("data.views", name, "VIEWS").__module__)
        assert bool(read_schema("views", name).get("x-transformable")) is hasattr(module, TransformationSpace.__name__)


@pytest.mark.parametrize("evaluator", ["leak", "synergy"])
def test_a_list_of_groups_names_groups_that_there_are(images, evaluator):
    images["evaluation"]["evaluators"][evaluator]["groups"] = ["hflip", "rotatoin"]
    message = f"config: evaluation.evaluators.{evaluator}.groups names 'rotatoin'; did you mean 'rotation'?"
    assert tell(complete_config, images) == message
    for groups in (["hflip", "rotation"], [], None):
        images["evaluation"]["evaluators"][evaluator]["groups"] = groups
        complete_config(images)


@pytest.mark.parametrize("value", ["x", "1/0", "0.5", "1e99", "1/2\n", 10_000, -10_000, 0.5])
def test_a_lambda_is_a_whole_number_or_a_fraction(images, value):
    own = images["evaluation"]["evaluators"]["additive_model"]
    own["lambdas"] = [1, value]
    assert "evaluation.evaluators.additive_model.lambdas" in tell(complete_config, images)
    own["lambdas"] = [0, 2, -3, "1/2", "-7/30", "0", "9999/9999"]
    complete_config(images)


def test_no_more_classes_are_kept_than_there_are():
    config = load_experiment("essl/small-tiny")
    config["sources"]["tiny"]["classes"] = 201
    message = "config: sources.tiny.classes is 201, but tiny-imagenet-200 has 200; give 200 or less, or leave it out"
    assert tell(complete_config, config) == message
    config["sources"]["tiny"]["classes"] = 200
    complete_config(config)


@pytest.mark.parametrize(
    ("variant", "settings", "message"),
    [
        ("rotation", {"left_out": ["rotaton"]}, "settings.left_out names 'rotaton'; did you mean 'rotation'?"),
        (
            "color",
            {"left_out": ["rotation"]},
            "looc~color on tiny16: settings.left_out names 'rotation'; there",
        ),
        (
            "rotation",
            {"left_out": ["rotation", "rotation"]},
            "settings.left_out: ['rotation', 'rotation'] has non-unique",
        ),
        ("rotated_alike", {"shared": ["colour"]}, "settings.shared names 'colour'; did you mean 'color'?"),
    ],
)
def test_groups_that_a_methods_list_names(variant, settings, message):
    assert message in tell(load_experiment, "looc/small", {"variants": {variant: {"settings": settings}}})
