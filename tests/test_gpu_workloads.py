"""Speeds of further experiments, which `make gpu-check` measures on noise."""

from __future__ import annotations

import pytest
import torch

from workflow_scripts.benchmarks.gpu import workloads
from workflow_scripts.benchmarks.gpu.runs import open_data
from workflow_scripts.benchmarks.gpu.scale import Check, choose_scale
from workflow_scripts.experiment.throughput import describe_encoder

EXPERIMENTS = ["looc/smoke", "essl/smoke"]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(workloads, "OBJECTS", 64)
    monkeypatch.setattr(workloads, "TURN", 0.0)


@pytest.mark.unit
def test_every_workload_of_an_experiment_is_measured_and_becomes_a_row_for_plans(tmp_path, few):
    found = []
    workloads.measure_workloads(Check(tmp_path, "cpu", choose_scale(rehearsal=True), 60.0), found.append, EXPERIMENTS)
    assert not [row for row in found if isinstance(row, dict)], "none failed"
    known = workloads.list_workloads(EXPERIMENTS)
    assert {one.case for one in found} == set(map(workloads.name_workload, known))
    versions = {"torch": "2", "processor": "p", "device": "D"}
    rows = workloads.list_speeds_of(
        EXPERIMENTS, {"versions": versions, "parts": {"speeds": {"measurements": [one._asdict() for one in found]}}}
    )
    assert {row.workload for row in rows} == set(known)
    assert all(row.images_per_second > 0 and row.device == "D" for row in rows)


@pytest.mark.unit
def test_what_trains_on_stored_views_or_not_at_all_is_left_out():
    found = workloads.list_workloads(["contextssl/smoke"])  # stored views, and a table
    assert not found
    assert not {method for method, _, _ in workloads.list_workloads(EXPERIMENTS)} & {"random", "constant"}


@pytest.mark.unit
def test_noise_opens_as_packed_data(tmp_path, few):
    settings = next(iter(workloads.list_workloads(EXPERIMENTS).values()))
    opened = open_data(workloads.pack_noise(tmp_path / "noise", 32), settings, torch.device("cpu"))
    assert 0 < len(opened.views) <= 64
    assert describe_encoder(settings["encoder"])


@pytest.mark.faults
def test_without_time_left_every_workload_says_so(tmp_path, few):
    found = []
    check = Check(tmp_path, "cpu", choose_scale(rehearsal=True), -1.0)
    workloads.measure_workloads(check, found.append, ["looc/smoke"])
    assert [row["error"] for row in found] == ["there was no time left for it"] * len(found)
    assert found
