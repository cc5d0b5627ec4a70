"""Configs: the shipped ones are valid, and each mistake is one clear sentence."""

import copy
import subprocess
import sys

import pytest
import yaml

from workflow_scripts.experiment.config import complete_config, list_experiment_files, list_experiments, load_experiment
from workflow_scripts.experiment.identity import check_identity, claim_run, first_difference
from workflow_scripts.experiment.plain import VALUES, parse_yaml, read_yaml, retype
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.runs import Run, get_labels, get_settings, list_groups, list_runs, parse_run
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
SMALL = "contextssl/small"


@pytest.fixture(scope="module")
def small():
    return load_experiment(SMALL)


@pytest.fixture
def config(small):
    return copy.deepcopy(small)


def tell(function, *arguments):
    """The one sentence that a mistake is told in."""
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- experiments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_experiments())
def test_shipped_experiments_are_valid_and_complete(name):
    config = load_experiment(name)
    assert complete_config(config) == config
    assert list_runs(config)


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
    write("top", {"extends": "toy/middle", "training": {"steps": 6}})
    config = load_experiment("toy/top", {"experiment": "toy/top", "training": {"batch": 3}}, root)
    assert (config["training"]["steps"], config["training"]["lr"], config["training"]["batch"]) == (6, 0.5, 3)
    assert config["seeds"] == [7]
    assert config["experiment"] == "toy/top"
    assert list_experiments(root) == ["toy/base", "toy/middle", "toy/top"]
    assert [path.stem for path in list_experiment_files("toy/top", root)] == ["base", "middle", "top"]


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
        (["variants", "spare"], {"settings": {"width": 3, "hidden": 3}}, "no method has all of width, hidden"),
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

LAUGHS = "a0: &a0 [ha]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
MERGES = "a0: &a0 {b: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 30))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: .nan}", "f.yaml: a.b is nan"),
        ("a: [0, -.inf]", "f.yaml: a.1 is -inf"),
        ("a: 1.0e+999", "f.yaml: a is inf"),
        ("a: 1\nb: 2\na: 3", "f.yaml has the key 'a' twice, again in line 3"),
        ("a: {b: {c: 1, c: 1}}", "f.yaml: a.b has the key 'c' twice"),
        ("a: &a [1, *a]", "f.yaml: a [1] contains itself"),
        ("a: &a {b: *a}", "f.yaml: a.b contains itself"),
        ("a: &a {<<: *a}", "f.yaml: a.<< contains itself"),
        (LAUGHS, f"expands to more than {VALUES} values"),
        (MERGES, f"expands to more than {VALUES} values"),
        ("[" * 100_000, "f.yaml: line 1 is nested more than 50 deep"),
        ("a: 2020-01-01", "f.yaml: a is a date"),
        ("a: !!python/object/apply:os.system ['true']", "f.yaml: a is of the type python/object/apply"),
        ("a: !!binary aGE=", "f.yaml: a is binary data"),
        ("a: !!set {b, c}", "f.yaml: a is a set"),
        ("1: a", "f.yaml has the key 1, which is not text"),
        ("a: {on: b}", "f.yaml: a has the key True, which is not text"),
        ("[a]: b", "f.yaml has a key that is not text, in line 1"),
        ('"a\\n": b', "is one line of printable text"),
        ("a: " + "9" * 5000, "f.yaml is not plain YAML"),
        ("a: b: c", "f.yaml is not plain YAML"),
        ("a: 1\n---\na: 2", "f.yaml is not plain YAML"),
    ],
    ids=lambda text: text[:12].strip(),
)
def test_yaml_that_is_not_plain_is_refused(text, message, tmp_path):
    assert message in tell(parse_yaml, text, "f.yaml")
    (tmp_path / "f.yaml").write_text(text)
    assert str(tmp_path / "f.yaml") in tell(read_yaml, tmp_path / "f.yaml")


def test_plain_yaml_is_read():
    text = "a: &a {b: [1, 2.5, true, null, text]}\nc: {<<: *a, d: *a}\ne: 1.0e-3"
    inner = {"b": [1, 2.5, True, None, "text"]}
    assert parse_yaml(text, "f.yaml") == {"a": inner, "c": {**inner, "d": inner}, "e": 1e-3}


@pytest.mark.faults
def test_files_that_cannot_be_read_are_told(tmp_path):
    assert "does not exist" in tell(read_yaml, tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: ä".encode("latin1"))
    assert "is not text in UTF-8" in tell(read_yaml, tmp_path / "latin.yaml")


def test_the_command_line_means_what_yaml_means():
    given = {"seeds": ["0", "1"], "training": {"lr": "0.1", "clip_norm": "null"}, "shadow": "true", "path": "a [b"}
    typed = {"seeds": [0, 1], "training": {"lr": 0.1, "clip_norm": None}, "shadow": True, "path": "a [b"}
    assert retype(given) == typed
    for text in ("", "x; touch y #", "2020-01-01", "*a", "&a b", "!!python/name:os.system", "{a: 1}", "a\nb", "- - -"):
        assert retype(text) == text


@pytest.mark.faults
def test_the_command_line_is_as_strict():
    assert tell(retype, {"training": {"lr": ".nan"}}) == "the command line: training.lr is nan; give a finite number"
    endless = []
    endless.append(endless)
    assert "contains itself" in tell(retype, {"a": endless})
    huge = ["ha"]
    for _ in range(30):
        huge = [huge] * 10
    assert f"contains more than {VALUES} values" in tell(retype, {"a": huge})


# --- runs ---------------------------------------------------------------------------------------------------------


def test_run_names():
    run = parse_run("toy", "d", "equimod@rotation~mask0.5", 2)
    assert run == Run("toy", "d", "equimod", "rotation", "mask0.5", 2)
    assert run.folder == "results/toy/d/equimod@rotation~mask0.5/seed2"
    assert parse_run("toy", "d", "simclr+", 0).method == "simclr+"
    assert set(get_labels(run)) == {"dataset", "method", "group", "variant", "seed"}


def test_runs_are_the_product_of_the_selections(config):
    config |= {"seeds": [0, 1], "methods": ["simclr", "contextssl", "simclr"], "datasets": ["embedded"]}
    assert [(run.space, run.name, run.seed) for run in list_runs(config)] == [
        ("contextssl", "simclr", 0),
        ("contextssl", "simclr", 1),
        ("contextssl", "contextssl", 0),
        ("contextssl", "contextssl", 1),
    ]


def test_a_checkpoint_is_imported_once_however_many_seeds(config):
    variants = {**config["variants"], "authors": {"training": {"checkpoint": "a.pt"}}}
    changed = {"variants": variants, "methods": ["contextssl", "contextssl~authors"], "seeds": [3, 4]}
    runs = list_runs({**config, **changed})
    own = [(run.variant, run.seed) for run in runs if run.dataset == "embedded"]
    assert own == [("", 3), ("", 4), ("authors", 3)]


@pytest.mark.parametrize(
    ("views", "groups"),
    [
        ({"kind": "stored", "groups": ["color", "rotation"]}, ["color", "rotation"]),
        ({"kind": "plain"}, []),
        (
            {
                "kind": "augmented",
                "augmentations": [
                    {"kind": "hflip"},
                    {"kind": "color_jitter", "group": "color"},
                    {"kind": "blur", "group": "blur"},
                    {"kind": "grayscale", "group": "color"},
                ],
            },
            ["color", "blur"],
        ),
    ],
)
def test_groups_of_each_kind_of_views(views, groups):
    assert list_groups({"views": views}) == groups


def test_engine_is_not_part_of_a_run(config):
    before = get_settings(config, parse_run("contextssl", "embedded", "simclr", 0))
    config["engine"]["threads"] = 17
    assert get_settings(config, parse_run("contextssl", "embedded", "simclr", 0)) == before


def test_equal_numbers_are_the_same_settings(config):
    run = parse_run("contextssl", "embedded", "contextssl", 0)
    config["method_settings"]["contextssl"]["settings"]["action_scale"] = 10
    scale = get_settings(config, run)["settings"]["action_scale"]
    assert isinstance(scale, float)
    assert scale == 10


def test_a_second_draw_is_trained_as_the_first_is():
    both = load_experiment("contextssl/draws")
    names = ("embedded", "embedded-draw1")
    one, other = (get_settings(both, parse_run("contextssl", name, "simclr", 0)) for name in names)
    assert one == other


# --- identity -----------------------------------------------------------------------------------------------------


def test_a_folder_of_other_settings_or_data_is_refused(config, tmp_path):
    data = tmp_path / "packed"
    write_json(data / "meta.json", {"sha256": {"inputs.npy": "a"}})
    run, settings = tmp_path / "run", get_settings(config, parse_run("contextssl", "embedded", "simclr", 0))
    claim_run(run, settings, data)
    claim_run(run, settings, data)
    with pytest.raises(UserError, match=r"training\.steps: 600 there, 5 now"):
        check_identity(run, {**settings, "training": {**settings["training"], "steps": 5}})
    write_json(data / "meta.json", {"sha256": {"inputs.npy": "b"}})
    with pytest.raises(UserError, match="made from other data"):
        claim_run(run, settings, data)


def test_a_training_that_goes_on_keeps_the_code_it_began_with(config, tmp_path, monkeypatch):
    write_json(tmp_path / "packed" / "meta.json", {"sha256": {}})
    run, settings = tmp_path / "run", get_settings(config, parse_run("contextssl", "embedded", "simclr", 0))
    first = claim_run(run, settings, tmp_path / "packed")
    monkeypatch.setattr("workflow_scripts.experiment.identity.hash_code", lambda parts: "newer")
    assert claim_run(run, settings, tmp_path / "packed")["code"] == "newer"  # nothing was trained yet
    write_json(run / "run.json", {"settings": settings, "identity": first})
    (run / "state").mkdir()
    (run / "state" / "checkpoint.pt").touch()
    assert claim_run(run, settings, tmp_path / "packed") == first


def test_a_run_that_starts_from_other_weights_is_another(config, tmp_path):
    write_json(tmp_path / "packed" / "meta.json", {"sha256": {}})
    settings = get_settings(config, parse_run("contextssl", "embedded", "simclr", 0))
    run, start = tmp_path / "run", tmp_path / "start.safetensors"
    plain = claim_run(tmp_path / "plain", settings, tmp_path / "packed")
    start.write_bytes(b"first")
    first = claim_run(run, settings, tmp_path / "packed", start)
    (run / "state").mkdir()
    (run / "state" / "checkpoint.pt").touch()
    assert claim_run(run, settings, tmp_path / "packed", start) == first
    start.write_bytes(b"trained again")
    second = claim_run(run, settings, tmp_path / "packed", start)
    assert len({plain["hash"], first["hash"], second["hash"]}) == 3


def test_first_difference_names_missing_keys():
    assert first_difference({"a": {"b": 1}}, {"a": {}}) == "a.b: 1 there, None now"


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
