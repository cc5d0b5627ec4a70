"""The benchmark's own tools: fair turns, power laws, the straightforward loop, and a document of measured rows only."""

import itertools

import pytest
import torch
from project import call

from workflow_scripts import bench
from workflow_scripts.benchmarks import evaluating, experiments, floor, measuring, setting, training
from workflow_scripts.benchmarks.document import DOCUMENT, render
from workflow_scripts.benchmarks.loops.contextssl import build_mask
from workflow_scripts.benchmarks.measuring import Measurement, fit_exponent, run_alone, summarise, time_in_turn
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.models.context import pair_mask

pytestmark = pytest.mark.unit


def test_functions_take_turns_after_one_untimed_call():
    called = []
    seconds = time_in_turn({name: lambda name=name: called.append(name) for name in "ab"}, repeats=3)
    assert "".join(called) == "ab" + "ab" * 3
    assert all(len(values) == 3 and (values >= 0).all() for values in seconds.values())


def test_rows_hold_median_and_spread():
    assert summarise("b", "c", "q", "s", [3, 1, 2, 9]) == Measurement("b", "c", "q", "s", 2.5, 1, 9, 4)


def use_memory(mib):
    return [summarise("b", "c", "bytes", "MiB", [len(bytearray(mib * 2**20)) / 2**20])]


def test_a_part_runs_in_its_own_process_and_reports_its_peak_memory():
    own, peak = run_alone(use_memory, 300)
    assert own.value == 300
    assert peak.quantity == "peak memory"
    assert peak.value > 300


def test_exponents_of_power_laws():
    assert fit_exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_the_straightforward_mask_is_the_pipelines():
    """At probability 0 exactly; above, it drops whole pairs and never the token itself."""
    torch.testing.assert_close(build_mask(12, 0.0), pair_mask(12))
    mask = build_mask(64, 0.5)
    assert not (mask & ~pair_mask(64)).any()
    assert mask.diagonal().all()
    pairs = [(row, pair) for row, pair in itertools.product(range(64), range(32)) if pair < row // 2]
    assert all(mask[row, 2 * pair] == mask[row, 2 * pair + 1] for row, pair in pairs)
    assert sum(bool(mask[row, 2 * pair]) for row, pair in pairs) / len(pairs) == pytest.approx(0.5, abs=0.08)


@pytest.fixture
def small(smoke_packed, smoke_config, tmp_path, monkeypatch) -> setting.Setting:
    """A setting on the smoke data, at its one resolution and batch size; the paper's experiment is the same."""
    (tmp_path / "packed32").symlink_to(smoke_packed)
    (tmp_path / "raw").symlink_to(smoke_packed.parent / "raw")
    for module in (setting, evaluating, floor):
        monkeypatch.setattr(module, "read_config", lambda *_: {**smoke_config, "methods": ["contextssl"]})
    monkeypatch.setattr(training, "SIDES", (32,))
    monkeypatch.setattr(evaluating, "PROBE", ProbeSettings(hidden=[8], steps=2, batch=4))
    monkeypatch.setattr(floor, "OBJECTS", 16)
    return setting.Setting(tmp_path, "cpu", repeats=1)


@pytest.mark.parametrize(
    ("measure", "arguments"),
    [
        (training.measure_training, ("contextssl", 1)),
        (training.measure_against_straightforward, ("contextssl",)),
        (training.measure_growth, ("contextssl", "width", 1)),
        (evaluating.measure_embedding, ("contextssl",)),
        (evaluating.measure_contexts, ("contextssl",)),
        (evaluating.measure_probes, ()),
        (floor.measure_floor, ()),
    ],
)
def test_parts_run_on_what_the_pipeline_is_made_of(measure, arguments, small):
    rows = measure(small, *arguments)
    assert rows
    assert all(row.value > 0 for row in rows)


def test_parts_are_those_of_the_default_experiment(tmp_path):
    parts = bench.list_parts(setting.Setting(tmp_path, "cpu", repeats=1), steps=1)
    config = experiments.read_config()
    reference, *others = experiments.list_methods(config)
    assert {"data", "floor", "straightforward", "embedding", "contexts", f"training {reference}"} <= set(parts)
    assert {f"growth {of}" for of in ("width", "block", "resolution")} <= set(parts)
    assert all((f"training {name}" in parts) == (name not in ("constant", "random")) for name in others)


def test_another_experiment_has_the_parts_that_its_reference_can_have(tmp_path, monkeypatch, smoke_config):
    methods = {**smoke_config, "methods": ["simclr", "random"]}
    monkeypatch.setattr(experiments, "read_config", lambda: methods)
    parts = bench.list_parts(setting.Setting(tmp_path, "cpu", repeats=1), steps=1)
    assert {"training simclr", "growth resolution", "probes"} <= set(parts)
    assert not {"straightforward", "embedding", "contexts", "growth width", "training random"} & set(parts)


@pytest.mark.parametrize("arguments", [(), ("--repeats", 4), ("--steps", 9), ("--repeats", 6)])
def test_a_short_measurement_is_no_throughput(arguments, tmp_path, monkeypatch):
    rows = [summarise("training", "simclr", "images", "images/s", [1000.0])]
    monkeypatch.setattr(bench, "list_parts", lambda *_: {"training simclr": (lambda: rows, ())})
    monkeypatch.setattr(measuring, "run_alone", lambda function: function())
    call(bench, "--output", tmp_path / "bench.csv", "--device", "cpu", *arguments)
    short = arguments in (("--repeats", 4), ("--steps", 9))
    assert (tmp_path / "throughput.csv").exists() != short
    assert (tmp_path / "bench.csv").exists()


def test_the_document_is_what_its_rows_say():
    assert DOCUMENT.read_text() == render(), "docs/scaling.md is not what docs/bench.csv says; run: make scaling"
