"""The run table, and the identity of a run."""

import pytest

from workflow_scripts.experiment.config import list_experiments, load_experiment
from workflow_scripts.experiment.identity import check_identity, claim_run, first_difference
from workflow_scripts.experiment.runs import Run, get_labels, get_settings, list_groups, list_runs, parse_run
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
SMALL = "contextssl/small"


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


def test_experiments_of_one_folder_agree_on_what_they_share():
    """Runs, sources and evaluations of one name, in one folder of results, are the same in every experiment."""
    seen = {}
    for config in map(load_experiment, list_experiments()):
        space = config["experiment"].partition("/")[0]
        used = {config["dataset_settings"][name]["source"] for name in config["datasets"]}
        shared = {f"{space}/data/{source}": config["sources"][source] for source in used}
        shared |= {run.folder: [get_settings(config, run), config["evaluation"]] for run in list_runs(config)}
        for place, content in shared.items():
            first, there = seen.setdefault(place, (config["experiment"], content))
            assert there == content, f"{place} of {first} and of {config['experiment']} differ"
