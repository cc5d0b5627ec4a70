"""Configs: the shipped ones are valid, and each mistake is one clear sentence."""

import subprocess
import sys

import pytest
import yaml
from project import tell

from workflow_scripts.experiment.config import complete_config, list_experiments, load_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.runs import list_runs

pytestmark = pytest.mark.unit
SMALL = "contextssl/small"


# --- experiments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_experiments())
def test_shipped_experiments_are_valid_and_complete(name):
    config = load_experiment(name)
    assert complete_config(config) == config
    assert list_runs(config)


@pytest.mark.parametrize("name", ["contextssl/paper", "contextssl/cifar10", "contextssl/rendered"])
def test_the_effect_of_the_probe_is_that_of_probes_trained_as_long(name):
    evaluators = load_experiment(name)["evaluation"]["evaluators"]
    assert evaluators["probe_effect"]["probe"]["steps"] == evaluators["relative_latents"]["probe"]["steps"]


def test_config_yaml_names_an_experiment_and_this_machine():
    given = read_yaml(ROOT / "config.yaml")
    assert set(given) == {"experiment", "engine"}
    assert load_experiment(given["experiment"], given)["engine"]["workers"] == given["engine"]["workers"]


@pytest.fixture
def papers(tmp_path):
    """A folder with experiments of a paper that is none."""
    (tmp_path / "papers" / "toy").mkdir(parents=True)
    base = load_experiment(SMALL)
    del base["experiment"]
    base |= {"papers": ["toy"], "datasets": ["embedded"], "methods": ["simclr"]}
    for settings in base["dataset_settings"].values():
        settings["benchmarks"] = {}

    def write(name, content):
        (tmp_path / "papers" / "toy" / f"{name}.yaml").write_text(yaml.safe_dump(content))

    write("base", base)
    (tmp_path / "papers" / "toy" / "claims.yaml").write_text("[]")
    return tmp_path, write


def test_what_extends_wins_and_what_is_given_wins_over_it(papers):
    root, write = papers
    write("middle", {"extends": "toy/base", "training": {"steps": 5, "lr": 0.5}, "seeds": [7]})
    write("top", {"extends": "toy/middle", "training": {"steps": 60}})
    config = load_experiment("toy/top", {"experiment": "toy/top", "training": {"batch": 3}}, root)
    assert (config["training"]["steps"], config["training"]["lr"], config["training"]["batch"]) == (60, 0.5, 3)
    assert config["seeds"] == [7]
    assert config["experiment"] == "toy/top"
    assert list_experiments(root) == ["toy/base", "toy/middle", "toy/top"]


def test_experiments_that_extend_each_other_are_told(papers):
    root, write = papers
    write("a", {"extends": "toy/b"})
    write("b", {"extends": "toy/a"})
    assert "toy/a -> toy/b -> toy/a extend each other in a circle" in tell(load_experiment, "toy/a", {}, root)


def test_an_experiment_that_is_not_there_is_told(papers):
    root, write = papers
    message = "there is no experiment 'toy/nope'; the experiments are toy/base"
    assert tell(load_experiment, "toy/nope", {}, root) == message
    write("a", {"extends": "toy/gone"})
    assert "there is no experiment 'toy/gone', which toy/a extends" in tell(load_experiment, "toy/a", {}, root)
    write("a", {"extends": ["toy/base"]})
    assert "there is no experiment ['toy/base']" in tell(load_experiment, "toy/a", {}, root)
    write("a", {"experiment": "toy/b", "extends": "toy/base"})
    assert "remove the key `experiment`" in tell(load_experiment, "toy/a", {}, root)


# --- mistakes -----------------------------------------------------------------------------------------------------


def put(config, path, value):
    place = config
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value


CIFAR = ["dataset_settings", "embedded", "views"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["trainning"], {}, "unknown key 'trainning' at the top level; did you mean 'training'?"),
        (["reports"], "x; touch y #", "unknown key 'reports' at the top level"),
        (["training", "stepz"], 3, "unknown key 'stepz' at training; did you mean 'steps'?"),
        (["training", "steps"], 0, "training.steps: 0 is less than the minimum"),
        (["training", "steps"], 5.0, "training.steps: 5.0 is not of type 'integer' (write 5)"),
        (["training", "steps"], True, "training.steps: True is not of type 'integer'"),
        (["training", "lr"], "1e-3", "(YAML reads it as text; write 1.0e-3 for 1e-3)"),
        (["training", "lr"], float("nan"), "training.lr is nan; give a finite number"),
        (["training", "clip_norm"], float("inf"), "training.clip_norm is inf; give a finite number"),
        (["training", "checkpoint"], "a.pt", "training.checkpoint: '' was expected"),
        (["training", "optimizer", "kind"], "adm", "there is no optimizer 'adm'; did you mean 'adam'?"),
        (["training", "optimizer", "momentum"], 0.9, "unknown key 'momentum' at training.optimizer"),
        (["training", "schedule", "floor"], 2, "training.schedule.floor: 2 is greater than the maximum"),
        (["method_settings", "simclr", "settings", "temprature"], 1, "did you mean 'temperature'?"),
        (
            ["method_settings", "contextssl", "settings", "width"],
            0,
            "method_settings.contextssl.settings.width: 0 is less",
        ),
        (["method_settings", "contextsl"], {}, "there is no method 'contextsl'; did you mean 'contextssl'?"),
        (["method_settings", "simclr", "setings"], {}, "unknown key 'setings' at method_settings.simclr"),
        (
            ["dataset_settings", "adult", "method_settings", "contextssl", "settings", "widht"],
            1,
            "did you mean 'width'?",
        ),
        (
            ["dataset_settings", "adult", "training", "stepz"],
            1,
            "dataset_settings.adult.training; did you mean 'steps'?",
        ),
        (["dataset_settings", "adult", "views", "sensitive_hiden"], True, "did you mean 'sensitive_hidden'?"),
        (["dataset_settings", "adult", "view"], {}, "did you mean 'views'?"),
        (
            ["dataset_settings", "adult", "encoder"],
            "mpl",
            "dataset_settings.adult.encoder names 'mpl'; did you mean 'mlp'?",
        ),
        (["dataset_settings", "adult", "benchmarks"], {"contextsll": "adult"}, "did you mean 'contextssl'?"),
        (["dataset_settings", "adult\n"], {}, "is one line of printable text"),
        (CIFAR, {"kind": "storde"}, "there is no view 'storde'; did you mean 'stored'?"),
        (CIFAR, {"kind": "augmented", "augmentations": [{"kind": "blur", "sigmas": [0, 1]}]}, "did you mean 'sigma'?"),
        (
            CIFAR,
            {"kind": "augmented", "augmentations": [{"kind": "blur", "sigma": [2, 1]}]},
            "give the lowest value first",
        ),
        (CIFAR, {"kind": "augmented", "augmentations": [{"kind": "blurr"}]}, "there is no augmentation 'blurr'"),
        (["variants", "blind", "dataset", "views", "sensitive_hiden"], True, "did you mean 'sensitive_hidden'?"),
        (["variants", "blind", "settings"], {"width": 3}, "unknown key 'width' at variants.blind.settings"),
        (["variants", "spare"], {"settings": {"mask_probablity": 1}}, "did you mean 'mask_probability'?"),
        (["variants", "spare"], {"settings": {"mask_probability": 2.0}}, "variants.spare.settings.mask_probability"),
        (["variants", "spare"], {"settings": {"width": 3, "projector": 3}}, "no method has all of width, projector"),
        (["variants", "spare"], {"encoder": "smal"}, "variants.spare.encoder names 'smal'; did you mean 'small'?"),
        (
            ["variants", "spare"],
            {"training": {"lr": 0}},
            "variants.spare.training.lr: 0 is less than or equal to the minimum",
        ),
        (["encoders", "small", "chanels"], [1], "did you mean 'channels'?"),
        (["encoders", "small", "dim"], 1.5, "encoders.small.dim: 1.5 is not of type 'integer'"),
        (["evaluation", "evaluators", "retreival"], {}, "there is no evaluator 'retreival'; did you mean 'retrieval'?"),
        (["evaluation", "evaluators", "classes", "probe", "stps"], 3, "did you mean 'steps'?"),
        (["evaluation", "evaluators", "linear"], {}, "has linear and classes, whose rows have the same names"),
        (["evaluation", "contexts", "lengths"], [3], "evaluation.contexts.lengths.0: 3 is not a multiple of 2"),
        (
            ["evaluation", "contexts", "controls"],
            ["shufled"],
            "evaluation.contexts.controls.0: 'shufled' is not one of",
        ),
        (["sources", "embedded", "render", "clases"], 3, "did you mean 'classes'?"),
        (
            ["sources", "embedded", "render", "objects_per_class"],
            {"train": 3, "val": 3},
            "unknown key 'val' at sources",
        ),
        (["sources", "embedded", "download"], "cifar10", "sources.embedded"),
        (["sources", "adult", "download"], "adlt", "sources.adult.download names 'adlt'; did you mean 'adult'?"),
        (["sources", "adult", "layout"], "csv", "sources.adult.layout names 'csv'; there is"),
        (
            ["sources", "embedded", "layout"],
            "rendered",
            "sources.embedded.layout is 'rendered', which draws images instead of reading files; give the",
        ),
        (
            ["sources", "embedded", "render", "jpeg_quality"],
            None,
            "'threediebench' reads such files; write layout: rendered or rendered_crossed, or give a jpeg_quality",
        ),
        (
            ["sources", "adult", "layout"],
            "cifar10",
            "sources.adult holds images; give the side that they are packed with",
        ),
        (["engine", "devise"], "cpu", "did you mean 'device'?"),
        (["engine", "threads"], 0, "engine.threads: 0 is less than the minimum"),
        (["papers"], ["contextsll"], "papers names 'contextsll'; did you mean 'contextssl'?"),
        (["experiment"], "small", "experiment: 'small' does not match"),
        (["experiment"], "a/b\n", "experiment: 'a/b\\n' does not match"),
        (["seeds"], [], "seeds"),
        (["datasets"], ["nowhere"], "datasets names 'nowhere'"),
        (["datasets"], ["adult\n"], "datasets.0: 'adult\\n' does not match"),
        (["encoder"], "vgg", "encoder names 'vgg'"),
        (["methods"], ["simclr@rotation"], "simclr takes no group; write simclr"),
        (["methods"], ["sie"], "sie needs a group; write sie@rotation"),
        (["methods"], ["sie@green"], "there is on embedded no group 'green'"),
        (["methods"], ["simclr~wild"], "there is no variant 'wild'"),
        (["methods"], ["simcrl"], "there is no method 'simcrl'; did you mean 'simclr'?"),
        (["methods"], ["Sim CLR"], "'Sim CLR' is not a run"),
        (["methods"], ["../simclr"], "'../simclr' is not a run"),
        (
            ["sources", "embedded", "download"],
            "adult",
            "sources.embedded: give exactly one of render, synthesize, download",
        ),
        (["sources", "embedded", "path"], "/data", "sources.embedded: 'download' is a dependency of 'path'"),
        (["training", "warm_start"], "simcl", "there is no method 'simcl'; did you mean 'simclr'?"),
        (["method_settings", "simclr", "training"], {"warm_start": "simclr"}, "which itself starts from another run"),
        (
            ["evaluation", "evaluators", "relative_latents", "probes", "rotatoin"],
            {"steps": 5},
            "evaluation.evaluators.relative_latents.probes names 'rotatoin'; did you mean 'rotation'?",
        ),
        (CIFAR, {"kind": "augmented", "augmentations": [{"kind": "blur", "kernel_size": 4}]}, "kernel_size: 4 "),
    ],
)
def test_mistakes_are_named(config, path, value, message):
    put(config, path, value)
    assert message in tell(complete_config, config)


def test_a_variants_mistake_is_told_where_it_stands(config):
    config["variants"]["wrong"] = {"settings": {"mask_probability": 3}}
    config["methods"] = ["contextssl", "contextssl~wrong"]
    assert tell(complete_config, config).startswith("config: variants.wrong.settings.mask_probability: 3")


# --- plain YAML ---------------------------------------------------------------------------------------------------


def test_planning_imports_nothing_heavy():
    script = (
        "import sys; from workflow_scripts.experiment.config import load_experiment;"
        "from workflow_scripts.experiment.runs import get_settings, list_runs;"
        "from workflow_scripts.experiment import code, costs, identity;"
        f"config = load_experiment({SMALL!r});"
        "[get_settings(config, run) for run in list_runs(config)];"
        "print({'torch', 'pydantic', 'numpy', 'pandas'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_an_evaluator_that_is_null_is_taken_away():
    """Of an experiment below: `evaluators: {retrieval: null}`."""
    below = load_experiment("contextssl/smoke")["evaluation"]["evaluators"]
    given = {"evaluation": {"evaluators": {"retrieval": None}}}
    assert load_experiment("contextssl/smoke", given)["evaluation"]["evaluators"].keys() == below.keys() - {"retrieval"}
