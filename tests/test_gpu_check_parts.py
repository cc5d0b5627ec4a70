"""Pieces of the check of a GPU: processes with limits, comparisons, sizes, shares."""

import contextlib
import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from project import tell

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu import drawing, learning, speed
from workflow_scripts.benchmarks.gpu.evaluating import largest_steps
from workflow_scripts.benchmarks.gpu.parts import Part, Results, run_parts
from workflow_scripts.benchmarks.gpu.recipe import compare_rows, is_within_noise
from workflow_scripts.benchmarks.gpu.runs import open_data, shorten, thin_dataset
from workflow_scripts.benchmarks.gpu.scale import Check, choose_scale, limit_steps, list_timed
from workflow_scripts.benchmarks.measuring import summarise
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.rendering.settings import ObjectsPerClass, RenderSettings
from workflow_scripts.experiment.runs import get_settings
from workflow_scripts.support.files import read_json
from workflow_scripts.training import compilation

CPU = torch.device("cpu")


def work(check, report):
    report(summarise("b", "c", "seconds", "s", [check.seconds]))
    report({"row": 1})


def fail(check, report):
    work(check, report)
    raise ValueError("on purpose")


def crash(check, report):
    work(check, report)
    os._exit(7)


def hang(check, report):
    if os.fork() == 0:
        time.sleep(100)  # a process of its own, which has to go, too
    (check.folder / f"{os.getpgid(0)}.group").touch()
    while True:
        report({"row": time.monotonic()})
        time.sleep(0.02)


def list_running(group):
    """The processes of a group, but for those that ended and that nobody asked after."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, own = file.read_text().rpartition(")")[2].split()[:3]
            found += [file.parent.name] if int(own) == group and state != "Z" else []
    return found


def write_time(check, report, name, seconds=0.0):
    began = time.monotonic()
    time.sleep(seconds)
    report({"name": name, "began": began, "ended": time.monotonic()})


def run(tmp_path, parts, seconds=60.0, share=1.0):
    check = Check(tmp_path, "cpu", choose_scale(rehearsal=True), share=share)
    results = Results(tmp_path / "results.json", {"versions": {}})
    run_parts(parts, check, results, seconds)
    return read_json(tmp_path / "results.json")["parts"]


@pytest.mark.faults
def test_a_part_that_fails_says_so_and_the_others_go_on(tmp_path):
    parts = run(tmp_path, [Part("fail", fail, 30), Part("crash", crash, 30), Part("work", work, 30)])
    assert {name: part["status"] for name, part in parts.items()} == {
        "fail": "failed",
        "crash": "failed",
        "work": "done",
    }
    assert "ValueError: on purpose" in parts["fail"]["error"]
    assert "exit code 7" in parts["crash"]["error"]
    assert all(part["rows"] == [{"row": 1}] and len(part["measurements"]) == 1 for part in parts.values())


@pytest.mark.faults
def test_a_part_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    began = time.monotonic()
    parts = run(tmp_path, [Part("hang", hang, 6), Part("work", work, 30)], share=0.5)
    assert time.monotonic() - began < 30
    assert parts["hang"]["status"] == "out of time"
    assert parts["hang"]["rows"], "what it found before is kept"
    assert parts["work"]["status"] == "done"
    (group,) = (int(path.stem) for path in tmp_path.glob("*.group"))
    assert list_running(group) == []


@pytest.mark.faults
def test_without_time_nothing_is_started(tmp_path):
    parts = run(tmp_path, [Part("hang", hang, None), Part("work", work, 30)], seconds=3)
    assert [parts[name]["status"] for name in ("hang", "work")] == ["out of time", "out of time"]
    assert not parts["work"]["rows"]


@pytest.mark.unit
def test_a_part_of_the_background_runs_beside_the_others(tmp_path):
    beside = Part("beside", partial(write_time, name="beside", seconds=2.0), None, background=True)
    parts = run(tmp_path, [beside, Part("first", partial(write_time, name="first"), 30), Part("second", work, 30)])
    assert {part["status"] for part in parts.values()} == {"done"}
    (slow,), (first,) = parts["beside"]["rows"], parts["first"]["rows"]
    assert first["ended"] < slow["ended"]


def make_rows(values, task="rotation", metric="r2"):
    names = {"task": task, "metric": metric, "representation": "h", "condition": "", "level": None, "split": "test"}
    return [{**names, "value": value} for value in values]


@pytest.mark.golden
def test_rows_are_compared_by_means_in_standard_errors():
    cpu = [*make_rows([1.0, 2.0, 3.0]), *make_rows([5.0, 5.0, 5.2], "color"), *make_rows([0.0, 9.0], "class", "top1")]
    gpu = [*make_rows([2.5, 3.5]), *make_rows([5.1], "color"), *make_rows([4.5], "other")]
    far, near = compare_rows(cpu, gpu)
    # Standard deviation 1 of the first; .1155 of the second, less than the median of both, which takes its place.
    floor = (1 + np.std([5.0, 5.0, 5.2], ddof=1)) / 2
    assert far.key[0] == "rotation"
    assert (far.cpu, far.gpu) == (2.0, 3.0)
    assert far.errors == pytest.approx(1 / np.sqrt(1 / 3 + 1 / 2))
    assert near.errors == pytest.approx((5.1 - 15.2 / 3) / (floor * np.sqrt(1 / 3 + 1)))


@pytest.mark.golden
def test_the_same_noise_agrees_and_a_shift_of_two_deviations_does_not():
    random = np.random.default_rng(0)

    def draw(shift):
        return [row for task in range(150) for row in make_rows(random.normal(shift, 1, 3), str(task))]

    for _ in range(10):
        assert is_within_noise(compare_rows(draw(0), draw(0)))
        assert not is_within_noise(compare_rows(draw(0), draw(2)))
    assert not is_within_noise(compare_rows(make_rows([1.0]), make_rows([1.0]))), "one seed has no noise"
    same = compare_rows(make_rows([2.0, 2.0]), make_rows([2.0]))
    assert is_within_noise(same)
    assert not is_within_noise(compare_rows(make_rows([2.0, 2.0]), make_rows([2.1])))


@pytest.mark.unit
def test_objects_are_as_many_as_there_is_time_for():
    settings = RenderSettings(classes=20, objects_per_class=ObjectsPerClass(200, 20), views=50)
    assert drawing.limit_images(settings, 1e9, 512) == settings
    half = drawing.limit_images(settings, 110_000, 512)
    assert half == replace(settings, objects_per_class=ObjectsPerClass(100, 10))
    # Not fewer than a batch, and one of a class more: 27 of 20 classes; of their views as many as there is time for.
    few = drawing.limit_images(settings, 4000, 512)
    assert few == replace(settings, objects_per_class=ObjectsPerClass(27, 2), views=7)
    assert drawing.limit_images(settings, -1, 512) == replace(few, views=2)
    assert drawing.limit_images(replace(settings, views=1), 1, 10**6).objects_per_class == ObjectsPerClass(200, 2)


@pytest.mark.faults
def test_where_the_gpu_cannot_draw_processors_draw_few(tmp_path, monkeypatch):
    check, found = Check(tmp_path, "cpu", choose_scale(rehearsal=True), seconds=0), []
    real = drawing.pack

    def pack_once(*arguments, **options):
        monkeypatch.setattr(drawing, "pack", real)
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(drawing, "pack", pack_once)
    drawing.draw_for_training(check, found.append)
    assert found[0] == {"case": "drawn on the device cpu", "error": "RuntimeError: CUDA error"}
    packed = PackedDataset(check.packed("learning"))
    assert packed.inputs.shape[1] == 2  # there was no time left
    for _, settings in list_timed(read_config(check.scale.speed)):
        assert len(open_data(check.packed("learning"), settings, CPU).views) >= settings["training"]["batch"]


@pytest.mark.unit
def test_steps_of_probes_are_limited_wherever_they_stand():
    settings = {"probe": {"steps": 500, "lr": 0.1}, "probes": {"a": {"steps": None}, "b": {"steps": 20}}, "pairs": 900}
    limited = limit_steps(settings, 100)
    assert limited == {
        "probe": {"steps": 100, "lr": 0.1},
        "probes": {"a": {"steps": None}, "b": {"steps": 20}},
        "pairs": 900,
    }
    assert largest_steps(settings) == 500
    assert largest_steps({"pairs": 3}) == 0


@pytest.mark.unit
def test_a_shorter_training_warms_up_in_proportion():
    training = {"steps": 1000, "lr": 1.0, "schedule": {"kind": "cosine", "warmup_steps": 100}}
    assert shorten(training, 250) == {"steps": 250, "lr": 1.0, "schedule": {"kind": "cosine", "warmup_steps": 25}}
    assert shorten(training, 5000) == training


@pytest.mark.unit
def test_probes_learn_from_few_objects(smoke_packed, smoke_config):
    run, settings = list_timed(smoke_config)[0]
    opened = open_data(smoke_packed, settings, CPU)
    thinned = thin_dataset(opened, 10)
    assert thinned["holdout"]["share"] == pytest.approx(1 - 10 / len(opened.views))
    assert thin_dataset(opened, 10**6) == settings["dataset"]
    assert get_settings(smoke_config, run) == settings


@pytest.mark.golden
def test_the_rate_of_products_is_two_operations_an_entry_and_column(monkeypatch):
    monkeypatch.setattr(speed, "time_in_turn", lambda *_: {"product": np.array([2.0, 4.0])})
    rates = speed.time_products(CPU, 8, 2)
    np.testing.assert_allclose(rates, [speed.PRODUCTS * 2 * 512 / 2, speed.PRODUCTS * 2 * 512 / 4])


@pytest.mark.faults
def test_an_encoder_that_cannot_be_compiled_is_not_taken_for_a_compiled_one(smoke_packed, smoke_config, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(compilation, "BACKEND", refuse)
    _, settings = list_timed(smoke_config)[0]
    opened = open_data(smoke_packed, settings, CPU)
    assert "cannot be compiled" in tell(speed.time_compiling, opened.build().train(), opened.views, settings)


@pytest.mark.unit
def test_an_observer_ends_a_training_without_time(smoke_packed, smoke_config, tmp_path, monkeypatch):
    _, settings = list_timed(smoke_config)[0]
    opened, found = open_data(smoke_packed, settings, CPU), []
    scale = choose_scale(rehearsal=True)
    curve = learning.Curve(Check(tmp_path, "cpu", scale), found.append, "one", opened, smoke_config)
    probed = []
    monkeypatch.setattr(curve, "probe", lambda method, step: probed.append(step))
    observer = learning.Observer(curve, opened.build(), [20, 30], end=time.monotonic() + 60)
    observer.log({"step": 10})
    observer.log({"step": 25})
    observer.end = 0.0
    with pytest.raises(learning.OutOfTimeError):
        observer.log({"step": 30})
    assert probed == [25, 30]
    assert [row["step"] for row in found] == [10, 25, 30]


@pytest.mark.unit
def test_speeds_become_rows_that_plans_read():
    scale = choose_scale(rehearsal=False)
    cases = {"simclr": 100.0, "contextssl": 200.0, "contextssl, compiled": 300.0}
    found = [summarise("training", case, "images", "images/s", [value])._asdict() for case, value in cases.items()]
    versions = {"device": "NVIDIA H100", "torch": "2.11.0", "processor": "x, 16 cores"}
    results = {
        "versions": versions,
        "parts": {"training": {"measurements": found, "rows": []}},
    }
    rows = {row.method: row for row in speed.list_speeds(results, scale)}
    assert {name: row.images_per_second for name, row in rows.items()} == {"simclr": 100.0, "contextssl": 300.0}
    assert rows["contextssl"].resolution == 128
    assert rows["contextssl"].device == "NVIDIA H100"
    assert "compiled" in rows["contextssl"].source
    assert rows["contextssl"].encoder.startswith("resnet18")
