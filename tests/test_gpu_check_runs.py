"""The check of a GPU: what follows from a timed evaluation, curves of runs in memory, its folder of images."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from project import ROOT, call, tell

from workflow_scripts import gpu_check
from workflow_scripts.benchmarks.gpu import evaluating, learning, parts, scratch
from workflow_scripts.benchmarks.gpu.runs import embed_method, measure_rows, open_data, train_run
from workflow_scripts.benchmarks.gpu.scale import Check, choose_scale, limit_evaluation, list_timed
from workflow_scripts.benchmarks.gpu.table import describe_results
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.run import open_run
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.training.run import save_weights

CPU = torch.device("cpu")
ENDED = 2**22 + 1  # larger than the number of any process


@pytest.mark.golden
def test_what_follows_is_a_start_and_so_much_for_each():
    assert evaluating.extrapolate({10: 3.0, 40: 6.0}, 100) == pytest.approx(12.0)
    assert evaluating.extrapolate({10: 3.0, 40: 6.0}, 0) == pytest.approx(2.0)
    for noise in ({10: 4.0, 40: 4.0}, {10: 5.0, 40: 4.0}, {40: 4.0}):
        assert evaluating.extrapolate(noise, 400) == pytest.approx(40.0)
    assert evaluating.extrapolate({10: 0.5, 40: 4.0}, 0) == pytest.approx(0.0)  # no start is less than none
    assert evaluating.extrapolate({0: 4.0}, 0) == 4.0


@pytest.mark.unit
def test_what_is_timed_was_done_before(smoke_packed, tmp_path, monkeypatch):
    check, done, found = Check(tmp_path, "cpu", choose_scale(rehearsal=True)), [], []
    check.packed("learning").parent.mkdir()
    check.packed("learning").symlink_to(smoke_packed)

    def embed(*arguments):
        run = embed_method(*arguments)
        done.append(("embed", len(run.read("train", "labels"))))
        return run

    monkeypatch.setattr(evaluating, "embed_method", embed)
    monkeypatch.setattr(evaluating, "time_evaluator", lambda run, name, own: done.append((name, own)) or 1.0)
    evaluating.measure_evaluation(check, found.append)
    sizes = [what for name, what in done if name == "embed"]
    assert sizes[0] == sizes[1] < sizes[2]
    counts = {}
    for name, _ in done[3:]:
        counts[name] = counts.get(name, 0) + 1
    first, *others = counts.values()
    assert (first, set(others)) == (3, {1, 2})
    assert done[3] == done[4]
    assert found[-1].unit == "min"


@pytest.fixture
def curve(smoke_packed, smoke_config, tmp_path):
    """A curve, and the rows that it reports."""
    _, settings = list_timed(smoke_config)[0]
    opened, found = open_data(smoke_packed, settings, CPU), []
    check = Check(tmp_path, "cpu", choose_scale(rehearsal=True))
    return learning.Curve(check, found.append, "one", opened, smoke_config), found


@pytest.mark.golden
def test_a_method_in_training_is_measured_as_its_weights_on_disk_are(curve, smoke_config, tmp_path):
    opened = curve[0].opened
    method = train_run(opened, {**opened.settings["training"], "steps": 3})
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    evaluation = limit_evaluation(smoke_config["evaluation"], 5)
    rows = measure_rows(embed_method(method, opened, evaluation, tmp_path / "kept"), evaluation)
    assert method.training
    assert all(torch.equal(before[name], tensor) for name, tensor in method.state_dict().items())
    (tmp_path / "run").mkdir()
    identity = claim_run(tmp_path / "run", opened.settings, opened.data)
    save_weights(method, tmp_path / "run" / "weights.safetensors", identity)
    loaded = open_run(tmp_path / "run", opened.data, evaluation, tmp_path / "embeddings", CPU, {})
    evaluators = {name: make_evaluator(name, own) for name, own in evaluation["evaluators"].items()}
    expected, _ = measure(loaded, evaluators)
    assert [row["value"] for row in rows] == pytest.approx([row["value"] for row in expected], abs=1e-4)
    assert len(rows) > 50


@pytest.mark.unit
def test_a_curve_draws_contexts_once_and_tells_what_no_skill_is(curve):
    one, found = curve
    assert one.evaluation["contexts"]["draws"] == 1
    method = one.opened.build()
    for step in (0, 7):
        one.probe(method, step)
    assert not [row for row in found if row.get("metric", "").endswith("_sd")]
    (constant,) = (row for row in found if row["kind"] == "constant")
    states = np.concatenate([state for _, state in one.opened.views.fixed(8)])
    assert set(constant["errors"]) == {"rotation", "color"}
    color = ((states[..., 4:] - states[..., 4:].mean(axis=(0, 1))) ** 2).mean()
    # The curve's probes learn from fewer objects, of the same distribution.
    assert constant["errors"]["color"] == pytest.approx(color, rel=0.2)


@pytest.mark.golden
def test_the_error_of_a_constant_is_the_variance(smoke_packed, curve):
    space = curve[0].opened.views.space
    states = np.random.default_rng(0).normal(3, [1, 2, 3, 4, 5, 6], size=(40, 5, 6)).astype(np.float32)
    rows = states.reshape(-1, 6)
    expected = [np.mean((rows[:, part] - rows[:, part].mean(axis=0)) ** 2) for part in (slice(0, 4), slice(4, 6))]
    assert list(learning.measure_constant(states, space).values()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.unit
def test_without_time_no_step_is_trained(curve, monkeypatch):
    one, found = curve
    monkeypatch.setattr(learning, "time_step", lambda *_: 0.5)
    learning.follow_run(one, time.monotonic())
    assert [row["error"] for row in found if row["kind"] == "error"] == ["there was no time left to train it"]
    assert not [row for row in found if row["kind"] in ("plan", "history")]


@pytest.mark.unit
def test_the_table_has_every_loss_and_what_a_constant_would_lose():
    base = {"run": "one", "condition": "", "level": None, "metric": "r2", "representation": "h", "task": "color"}
    pace = {"lr": 0.123, "seconds": 9.87, "images_per_second": 765}
    rows = [
        {"run": "one", "kind": "constant", "errors": {"rotation": 0.111, "color": 0.222}},
        {**base, "kind": "probe", "step": 20, "value": 0.5},
        {"run": "one", "kind": "history", "step": 20, "invariance": 7.5, "auxiliary color": 0.21, **pace},
        {**base, "kind": "probe", "step": 20, "value": 0.5, "run": "two"},
        {"run": "two", "kind": "history", "step": 20, "cross_entropy": 1.5, **pace},
        {"run": "two", "kind": "constant", "errors": {"rotation": 0.333, "color": 0.444}},
    ]
    entry = {"status": "done", "error": "", "measurements": [], "rows": rows}
    shown = describe_results({"versions": {}, "parts": {"learning": entry}})
    assert all(text in shown for text in ("invariance", "7.5", "auxiliary color", "0.21", "cross_entropy", "1.5"))
    assert "rotation 0.111, color 0.222 are the errors of a constant" in shown
    assert not any(text in shown for text in ("0.123", "9.87", "765", "0.333")), "no head of this run is by group"


def wait_for_folder(parent: Path) -> Path:
    end = time.monotonic() + 30
    while not (found := list(parent.glob("gpu-check-*"))):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found[0]


@pytest.mark.faults
def test_images_are_gone_after_a_signal_and_what_a_kill_leaves_goes_at_the_next_start(tmp_path, monkeypatch):
    code = (
        "import sys, time; from pathlib import Path; from workflow_scripts.benchmarks.gpu.scratch import open_scratch\n"
        "with open_scratch(Path(sys.argv[1])) as folder:\n    (folder / 'images').touch()\n    time.sleep(60)"
    )
    for number, status, left in ((signal.SIGTERM, 143, 0), (signal.SIGKILL, -9, 1)):
        process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "new" / "folder"], cwd=ROOT)
        folder = wait_for_folder(tmp_path / "new" / "folder")
        while not (folder / "images").exists():
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(timeout=30) == status
        assert len(list(folder.parent.iterdir())) == left
    before = signal.getsignal(signal.SIGTERM)
    (kept := folder.with_name(f"{scratch.PREFIX}{os.getppid()}-a")).mkdir()
    (own := folder.with_name(f"{scratch.PREFIX}{os.getpid()}-a")).mkdir()
    (other := folder.with_name(f"gpu-check-another-machine-{ENDED}-a")).mkdir()
    with scratch.open_scratch(folder.parent) as made:
        assert set(folder.parent.iterdir()) == {kept, other, made}
    assert not made.exists()
    assert not own.exists()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.unit
def test_a_check_makes_its_folder_where_it_is_told_to(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(
        parts, "run_parts", lambda chosen, check, results, seconds: seen.append(check.folder) or results.write()
    )
    call(gpu_check, "--cpu-rehearsal", "--output", tmp_path / "r.json", "--scratch", tmp_path / "a" / "b")
    assert [folder.parent for folder in seen] == [tmp_path / "a" / "b"]
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.faults
def test_a_folder_that_cannot_be_made_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    assert "choose another folder with --scratch" in tell(scratch.open_scratch(tmp_path / "file" / "in").__enter__)
