"""What holds for every evaluator there is, found by name, over every method and kind of views."""

import json
import math
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from raw_trees import make_cifar_tree, make_small_3diebench, write_manifest
from small_runs import EVALUATION, STORED, make_run, make_small_evaluator, open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators import corruptions, individual_latents, relative_latents
from workflow_scripts.evaluation.evaluators.base import Evaluator, make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.metrics import top1
from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.rows import make_rows, read_rows
from workflow_scripts.support import plugins
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json
from workflow_scripts.support.plugins import list_plugins

pytestmark = pytest.mark.unit
AUGMENTATIONS = [{"kind": "resized_crop", "group": "crop"}, {"kind": "rotation", "group": "turn"}]
VIEWS = {
    "stored": STORED,
    "augmented": {"kind": "augmented", "augmentations": AUGMENTATIONS, "evaluation_views": 3},
    "tabular": {"kind": "tabular", "groups": ["gender"]},
    "plain": {"kind": "plain"},
    "transformable": {"kind": "transformable", "groups": {"mirror": {"kind": "hflip"}, "turn": {"kind": "rotation"}}},
}
EVALUATORS = list_plugins("evaluation.evaluators", "EVALUATOR")
SIDE = 8  # of images [pixels]
BLOCKS = 16  # of those whose traces of JPEG are looked for
CHANGING = ("corruptions", "image_neighbours", "transformations")  # encode changed images: slow, and alike on all views
KEYS = {"representation", "condition", "level", "split", "task", "metric", "value", "n"}
LABELS = {"dataset": "d", "method": "m", "group": "", "variant": "", "seed": 0, "run": "r", "device": "cpu"}
LABELS |= {"config_hash": "", "code_hash": "", "data_hash": ""}


def pack_tree(folder, tree, layout, side):
    folder.mkdir(exist_ok=True)
    manifest = write_manifest(folder / "raw.json", tree)
    pack(manifest, folder / "packed", layout, side, workers=1)
    return folder / "packed"


@pytest.fixture(scope="module")
def folders(smoke_table, unsynced, tmp_path_factory):
    """Packed data for each kind of views. Images are small: one method's features are all their pixels."""
    views, images = (tmp_path_factory.mktemp(name) for name in ("views", "images"))
    stored = pack_tree(views, make_small_3diebench(views / "raw"), "threediebench", SIDE)
    tree = make_cifar_tree(images / "raw", train=4, test=2)
    plain, large = (pack_tree(images / str(side), tree, "cifar10", side) for side in (SIDE, BLOCKS))
    return {"stored": stored, "augmented": plain, "plain": plain, "tabular": smoke_table, "transformable": large}


def is_declared(evaluator, row):
    """Whether a row's condition is none, a context, or one that the evaluator declares; each has a level."""
    condition, level = row["condition"], row["level"]
    if not condition:
        return level is None
    return level is not None and (condition.startswith(CONTEXT) or condition in evaluator.conditions)


@pytest.mark.parametrize("kind", ["stored", "augmented", "tabular", "transformable"])
@pytest.mark.parametrize("method", list_plugins("methods", "METHOD"))
def test_every_evaluator_measures_a_run_or_says_why_not(method, kind, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(corruptions, "STRENGTHS", (2,))
    try:
        run = open_small(tmp_path, method, VIEWS[kind], folders[kind])
    except UserError:
        return  # these data cannot be what the method asks for, and say so
    measured = []
    for name in EVALUATORS:
        if name in CHANGING and kind == "stored":
            continue
        evaluator = make_small_evaluator(name)
        reason = evaluator.skip(run)
        assert isinstance(reason, str)
        assert isinstance(evaluator.leaves_out(run), str)
        assert not reason.endswith(".")
        if reason:
            continue
        rows, exhibit = list(evaluator.rows(run)), evaluator.exhibit(run)
        assert rows or exhibit is not None, name
        for row in rows:
            assert row.keys() == KEYS
            assert is_declared(evaluator, row)
            assert math.isfinite(row["value"])
            assert row["n"] > 0
            assert row["split"] in run.splits
        # A config never has both: their rows have the same names.
        measured += rows if name != "linear" else []
    make_rows([{**LABELS, **row} for row in measured])  # refuses two rows of one key


def test_every_evaluator_measures_some_run(folders, tmp_path):
    runs = [
        open_small(tmp_path / f"{method} {kind}", method, VIEWS[kind], folders[kind])
        for method, kind in (
            *(("contextssl", "stored"), ("simclr", "tabular"), ("equimod", "stored")),
            *(("random", "transformable"), ("constant", "transformable"), ("looc", "augmented")),
        )
    ]
    runs.append(open_small(tmp_path / "blocks", "constant", VIEWS["augmented"], folders["transformable"]))
    unmeasured = {name for name in EVALUATORS if all(make_small_evaluator(name).skip(run) for run in runs)}
    # Of an untrained run there is no curve; others have no other source, or tests of their own.
    assert unmeasured <= {"learning_curves", "transfer", "few_shot", "shifted"}


def test_data_without_groups_have_classes_and_can_be_changed(folders, tmp_path):
    run = open_small(tmp_path, "simclr", VIEWS["plain"], folders["plain"])
    rows, summary = measure(run, {name: make_small_evaluator(name) for name in EVALUATORS})
    assert {row["task"] for row in rows} == {"class", "rotation", "hue"}
    assert summary["skipped"]["individual_latents"] == "the data have no groups"


def test_a_discrete_group_is_left_out_and_the_report_is_told(folders, tmp_path):
    run = open_small(tmp_path, "simclr", VIEWS["augmented"], folders["augmented"])
    names = ("relative_latents", "individual_latents")
    rows, summary = measure(run, {name: make_small_evaluator(name) for name in names})
    assert {row["task"] for row in rows} == {"crop", "crop_individual"}
    assert all("turn" in summary["skipped"][name] for name in names)


@dataclass(frozen=True)
class FewExamplesSettings:
    """source: other data. shots: examples a class."""

    source: str = "other"
    shots: int = 5


class FewExamples(Evaluator):
    """The class of other data's images, by the nearest mean of a few examples' features."""

    Settings = FewExamplesSettings
    conditions = ("shots",)

    def skip(self, run):
        return run.misfit(self.settings.source)

    def rows(self, run):
        (features, labels), (tests, truth) = (run.features(self.settings.source, s) for s in ("train", "test"))
        means = [features[labels == label][: self.settings.shots].mean(axis=0) for label in np.unique(labels)]
        distances = np.linalg.norm(tests[:, None] - np.stack(means), axis=-1)
        where = {"representation": "h", "condition": "shots", "level": self.settings.shots, "split": "test"}
        score = {"metric": "top1", "value": top1(truth, distances.argmin(axis=1)), "n": len(truth)}
        yield {**where, "task": f"class of {self.settings.source}", **score}


@pytest.fixture
def few_examples(monkeypatch):
    """The evaluator above as a module beside the others."""
    monkeypatch.setitem(
        sys.modules, "workflow_scripts.evaluation.evaluators.few_examples", SimpleNamespace(EVALUATOR=FewExamples)
    )
    found = plugins.list_plugins
    own = {"evaluation.evaluators": ["few_examples"]}
    monkeypatch.setattr(plugins, "list_plugins", lambda package, name: found(package, name) + own.get(package, []))


def test_an_evaluator_looks_at_other_data(few_examples, folders, tmp_path):
    run = open_small(tmp_path, "random", VIEWS["stored"], folders["stored"], {"other": folders["plain"]})
    evaluators = {
        "few_examples": make_evaluator("few_examples", {"shots": 3}),
        "retrieval": make_small_evaluator("retrieval"),
    }
    rows, summary = measure(run, evaluators)
    assert [(row["condition"], row["level"], row["n"]) for row in rows] == [("shots", 3, 20)]
    assert is_declared(evaluators["few_examples"], rows[0])
    assert list(summary["skipped"]) == ["retrieval"]
    assert run.features("other", "test")[0] is run.features("other", "test")[0]  # encoded once
    features, labels = run.features("other", "train")
    assert features.shape == (40, run.method.encoder.dim)
    assert sorted(set(labels.tolist())) == list(range(10))


def test_other_data_are_normalised_as_the_encoder_was_trained(folders, tmp_path):
    """So that a change of brightness, for example, is not taken away again."""
    run = open_small(tmp_path, "raw", VIEWS["stored"], folders["stored"], {"other": folders["plain"]})
    meta = run._others._own
    pixels, _ = run.features("other", "test")
    shown = pixels.reshape(20, 3, SIDE, SIDE) * np.reshape(meta["std"], (3, 1, 1)) + np.reshape(meta["mean"], (3, 1, 1))
    stored = np.load(folders["plain"] / "inputs.npy")[40:, 0].transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(shown, stored, atol=1e-5)


def test_data_that_do_not_fit_are_a_reason_and_an_error(few_examples, folders, tmp_path):
    others = {"table": folders["tabular"]}
    run = open_small(tmp_path, "random", VIEWS["stored"], folders["stored"], others)
    reasons = {"table": "table holds rows, the encoder reads images", "other": "the source other was not given"}
    for source, reason in reasons.items():
        evaluator = make_evaluator("few_examples", {"source": source})
        assert evaluator.skip(run) == reason
        with pytest.raises(UserError, match=reason):
            run.features(source, "test")
    with pytest.raises(
        UserError, match=r"no evaluator measures this run \(few_examples: the source other was not given\)"
    ):
        measure(run, {"few_examples": make_evaluator("few_examples", {})})


def test_images_of_another_size_do_not_fit(folders, tmp_path):
    large = pack_tree(tmp_path, make_cifar_tree(tmp_path / "raw", train=1, test=1), "cifar10", 16)
    run = open_small(tmp_path, "random", VIEWS["stored"], folders["stored"], {"large": large})
    assert run.misfit("large") == "images of large are of 16 pixels, the encoder's of 8"


def test_wrong_names_are_one_sentence():
    with pytest.raises(UserError, match="there is no evaluator 'clases'"):
        make_evaluator("clases", {})
    with pytest.raises(UserError, match="evaluator classes, probe has no setting 'step'; it takes hidden, steps"):
        make_evaluator("classes", {"probe": {"step": 3}})
    with pytest.raises(UserError, match=r"evaluator relative_latents, probes\.rotation has no setting 'x'"):
        make_evaluator("relative_latents", {"probes": {"rotation": {"x": 3}}})


@pytest.mark.parametrize(("module", "entries", "probe"), [(relative_latents, 3, 5), (individual_latents, 2, 4)])
def test_a_group_has_a_probe_of_its_own(module, entries, probe, folders, tmp_path, monkeypatch):
    run = open_small(tmp_path, "random", VIEWS["stored"], folders["stored"], evaluation={**EVALUATION, "splits": []})
    name, seen = module.__name__.rpartition(".")[2], []
    function = f"probe_{name.removesuffix('_latents')}"
    monkeypatch.setattr(module, function, lambda *a: seen.append((a[entries].start, a[probe])) or {})
    list(make_evaluator(name, {}).rows(run))  # as the source does: rotations by a network, colors linearly
    assert [(start, own.hidden) for start, own in seen] == [(0, [1024, 1024]), (4, [])]
    seen.clear()
    settings = {"probe": {"steps": 7, "lr": 0.5}, "probes": {"color": {"hidden": [3], "steps": None}}}
    list(make_evaluator(name, settings).rows(run))
    assert [(own.hidden, own.steps, own.lr) for _, own in seen] == [([], 7, 0.5), ([3], 7, 0.5)]


def test_the_command_writes_rows_and_a_summary(folders, tmp_path, run_module):
    run = make_run(tmp_path / "run", "equimod", VIEWS["stored"], folders["stored"])
    names = ("retrieval", "attributes", "neighbours")
    evaluation = {**EVALUATION, "evaluators": {name: {} for name in names}}
    labels = {"dataset": "d", "method": "equimod", "group": "rotation", "variant": "", "seed": 0}
    out, summary = tmp_path / "rows" / "evaluation.parquet", tmp_path / "rows" / "evaluation.json"
    options = ["--run", run, "--data", folders["stored"], "--evaluation", json.dumps(evaluation)]
    options += ["--others", json.dumps({"other": str(folders["plain"])}), "--labels", json.dumps(labels)]
    options += ["--output", out, "--summary", summary, "--card", tmp_path / "card.md", "--device", "cpu"]
    run_module("evaluate", *options)
    assert set(read_rows(out)["metric"]) == {"mrr", "hit@1", "hit@5"}
    content = read_json(summary)
    assert content["skipped"] == {"attributes": "the data have no attributes"}
    assert {entry["representation"] for entry in content["exhibits"]["neighbours"]} == {"rho"}
    assert not (run / "embeddings").exists()
    evaluation["evaluators"] = {"nothing": {}}
    options[5] = json.dumps(evaluation)
    result = run_module("evaluate", *options, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: there is no evaluator 'nothing'")
    assert "Traceback" not in result.stderr
