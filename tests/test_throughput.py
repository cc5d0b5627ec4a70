"""What `make plan` says of hours: measured speeds by device, this machine's first, and where they are from."""

import dataclasses
import json

import pandas as pd
import pytest

from workflow_scripts.benchmarks.measuring import Measurement
from workflow_scripts.benchmarks.training import list_throughput
from workflow_scripts.experiment import plan, throughput
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.costs import count_trained
from workflow_scripts.experiment.plan import (
    describe_costs,
    describe_sharing,
    describe_training,
    estimate_hours,
    get_stated_speed,
)
from workflow_scripts.experiment.rooms import list_kinds
from workflow_scripts.experiment.runs import get_settings, list_runs, parse_run
from workflow_scripts.experiment.throughput import (
    SHIPPED,
    Throughput,
    describe_encoder,
    get_workload,
    name_device,
    read_measured,
    read_rows,
    read_trainings,
    record_rows,
)
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.gpus import Gpu

pytestmark = pytest.mark.unit
GPU = Gpu("0", "GPU-a", 81559, "NVIDIA X")


def row(method, speed, device=GPU.name, encoder="resnet18", resolution=128, source="here"):
    return Throughput(method, encoder, resolution, float(speed), None, speed + 1.0, 3, device, source)


@pytest.fixture
def paper(monkeypatch, tmp_path):
    """The paper's experiment with three of its runs, in a folder without results."""
    monkeypatch.chdir(tmp_path)
    return {**load_experiment("contextssl/paper"), "methods": ["contextssl", "simclr", "sie@color"], "seeds": [0]}


@pytest.fixture
def gpu(monkeypatch):
    """This machine has one."""
    for module in (plan, throughput):
        monkeypatch.setattr(module, "find_gpus", lambda: [GPU])


def plan_hours(config):
    return "\n".join(describe_training(config, {run: count_trained(config, run) for run in list_runs(config)}))


def test_encoders_are_told_apart_by_what_they_depart_in(paper, small_config):
    assert describe_encoder({"kind": "resnet18", "stem": "imagenet"}) == describe_encoder({"kind": "resnet18"})
    assert describe_encoder({"kind": "resnet18", "stem": "cifar"}) == "resnet18 stem=cifar"
    assert describe_encoder({"kind": "small", "channels": [8], "dim": 128}) == "small channels=[8]"
    assert get_workload(paper, list_runs(paper)[2]) == ("sie", "resnet18", 128)
    assert get_workload(small_config, parse_run("contextssl", "adult", "simclr", 0)) == ("simclr", "mlp", 0)


def test_rows_are_kept_as_written_and_replaced_by_newer_ones(tmp_path):
    path = tmp_path / "new" / "throughput.csv"
    record_rows([row("a", 10), row("b", 20)], path)
    record_rows([row("a", 30, source="again, later"), row("a", 40, device="CPU")], path)
    assert read_rows(path) == [row("a", 30, source="again, later"), row("b", 20), row("a", 40, device="CPU")]
    quick = dataclasses.replace(row("a", 99), n=2)
    record_rows([quick, dataclasses.replace(row("b", 21), n=4)], path)  # of two repeats, in the place of three: no
    assert [found.images_per_second for found in read_rows(path)] == [30, 21, 40]
    path.write_text("method,encoder\na,b\n")
    with pytest.raises(UserError, match="holds no rows of throughput"):
        read_rows(path)


def test_shipped_rows_are_of_methods_and_encoders_there_are():
    rows = read_rows(SHIPPED)
    assert rows
    assert {row.method for row in rows} <= set(list_kinds("methods"))
    assert {row.encoder.partition(" ")[0] for row in rows} <= set(list_kinds("encoders"))
    assert all(row.source and row.n >= 1 and row.images_per_second > 0 for row in rows)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        *(("CPU", name) for name in ("contextssl/small", "essl/small", "looc/small")),
        *(("NVIDIA H200", name) for name in ("contextssl/paper", "looc/paper", "looc/cifar")),
    ],
)
def test_what_papers_and_laptops_train_was_measured(device, name, monkeypatch, tmp_path):
    """On a device that the project has seen, so that its hours are no estimate of an experiment's author."""
    monkeypatch.chdir(tmp_path)
    config = load_experiment(name)
    trained = {run: count for run in list_runs(config) if (count := count_trained(config, run))}
    estimate = estimate_hours(config, trained, read_measured(config)[device])
    assert not estimate.unknown
    assert len(estimate.guessed) < len({get_workload(config, run) for run in trained}) / 2


def test_hours_by_hand(paper):
    """Images over images a second; what was not measured takes the slowest speed of its encoder and resolution."""
    images = {run: count_trained(paper, run) for run in list_runs(paper)}
    one = next(iter(images.values()))
    assert set(images.values()) == {one}
    measured = {r.workload: r for r in (row("contextssl", 1000), row("simclr", 2000), row("vicreg", 10, resolution=32))}
    estimate = estimate_hours(paper, images, measured)
    assert estimate.hours == pytest.approx((one / 1000 + one / 2000 + one / 1000) / 3600)
    assert estimate.guessed == [("sie", "resnet18", 128)]
    assert not estimate.unknown
    nothing = estimate_hours(
        paper, images, {measured["vicreg", "resnet18", 32].workload: row("vicreg", 10, resolution=32)}
    )
    assert (nothing.hours, nothing.unknown, nothing.measured) == (0, images, [])


def test_a_method_that_encodes_each_image_twice_takes_twice_as_long(monkeypatch, tmp_path):
    """But where it was measured itself: its speed is of the images that it reads."""
    monkeypatch.chdir(tmp_path)
    config = load_experiment("essl/small")
    once, twice = (parse_run("essl", "cifar10-16", f"{name}@rotation", 0) for name in ("pretext", "care"))
    assert get_stated_speed(config, once) == 2 * get_stated_speed(config, twice) == 2000
    images = {run: count_trained(config, run) for run in (once, twice)}
    assert set(images.values()) == {2000 * 64}
    workload = get_workload(config, once)
    own = row("pretext", 500, encoder=workload[1], resolution=16)
    estimate = estimate_hours(config, images, {workload: own})
    assert estimate.hours == pytest.approx(2000 * 64 * (1 / 500 + 2 / 500) / 3600)
    other = row("care", 400, encoder=workload[1], resolution=16)
    assert estimate_hours(config, images, {other.workload: other}).hours == pytest.approx(
        2000 * 64 * (1 / 800 + 1 / 400) / 3600
    )


def test_this_machines_device_comes_first_and_says_its_source(paper, gpu, monkeypatch):
    monkeypatch.setattr(throughput, "SHIPPED", throughput.OWN.with_name("absent.csv"))
    stated = plan_hours(paper)
    assert "(stated, at 3070 images/s on one GPU: the authors'" in stated
    record_rows([row("contextssl", 5000), row("simclr", 7000, device="NVIDIA Y", source="there")])
    text = plan_hours(paper)
    hours = 3 * count_trained(paper, list_runs(paper)[0]) / 3600
    assert f"{hours / 5000:,.1f} hours on NVIDIA X" in text
    assert "resnet18 at 128 px, measured: contextssl 5,000 images/s (here)" in text
    assert "taken as the slowest of their encoder: simclr, sie" in text
    assert f"On NVIDIA Y: {hours / 7000:,.1f} hours" in text
    assert "stated" not in text


def test_what_nobody_measured_here_is_stated(small_config, gpu, monkeypatch, tmp_path):
    """Images are measured, rows of a table are not."""
    monkeypatch.chdir(tmp_path)
    record_rows([row("contextssl", 5000, encoder="small", resolution=32)])
    images = {run: count_trained(small_config, run) for run in list_runs(small_config)}
    tables = sum(count for run, count in images.items() if run.dataset == "adult")
    assert 0 < tables < sum(images.values())
    text = "\n".join(describe_training(small_config, images))
    hours = ((sum(images.values()) - tables) / 5000 + tables / 4000) / 3600
    assert f"{60 * hours:.0f} minutes on NVIDIA X" in text
    assert f"stated, for the other {tables:,} images: 4000 images/s" in text


def write_run(name, seed, speeds, settings, device="cpu"):
    folder = throughput.Path(parse_run("contextssl", "3diebench", name, seed).folder)
    (folder / "state").mkdir(parents=True)
    (folder / "rows").mkdir()
    (folder / "run.json").write_text(json.dumps({"settings": settings, "identity": {}}))
    lines = (json.dumps({"step": step, "images_per_second": speed}) + "\n" for step, speed in enumerate(speeds))
    (folder / "state" / "history.jsonl").write_text("".join(lines))
    pd.DataFrame({"device": [device]}).to_parquet(folder / "rows" / "evaluation.parquet")


def test_histories_of_runs_are_measurements_of_the_device_they_ran_on(paper, monkeypatch):
    """Medians, of each run without its first line, then of runs."""
    monkeypatch.setattr(throughput, "read_json", lambda path: json.loads(path.read_text()))
    settings = get_settings(paper, parse_run("contextssl", "3diebench", "simclr", 0))
    for seed, speeds in enumerate(([1, 90, 110, 100], [1, 300], [200])):
        write_run("simclr", seed, speeds, settings)
    write_run("contextssl", 0, [5, 70], settings, GPU.name)
    source = "histories in results/contextssl"
    assert read_trainings(paper) == [
        Throughput("contextssl", "resnet18", 128, 70, 70, 70, 1, GPU.name, source),
        Throughput("simclr", "resnet18", 128, 200, 100, 300, 3, "CPU", source),
    ]
    record_rows([row("simclr", 1, device="CPU"), row("vicreg", 2, device="CPU")])
    found = read_measured(paper)["CPU"]
    assert found["simclr", "resnet18", 128].source == source
    assert found["vicreg", "resnet18", 128].images_per_second == 2


def test_runs_that_shared_a_gpu_are_no_measurements(paper, monkeypatch):
    """On a CPU nobody has a share."""
    monkeypatch.setattr(throughput, "read_json", lambda path: json.loads(path.read_text()))
    monkeypatch.setattr(throughput, "get_gpu_share", lambda config, run, job: 10 if run.method == "simclr" else 100)
    for name in ("contextssl", "simclr"):
        settings = get_settings(paper, parse_run("contextssl", "3diebench", name, 0))
        write_run(name, 0, [1, 70], settings, GPU.name)
    write_run("simclr", 1, [1, 80], settings)
    found = {(row.method, row.device): row.images_per_second for row in read_trainings(paper)}
    assert found == {("contextssl", GPU.name): 70, ("simclr", "CPU"): 80}


def test_old_and_damaged_run_folders_are_passed_over(paper, monkeypatch):
    monkeypatch.setattr(throughput, "read_json", lambda path: json.loads(path.read_text()))
    settings = get_settings(paper, parse_run("contextssl", "3diebench", "simclr", 0))
    broken = [
        {"encoder": {"kind": "vgg"}},
        {"encoder": {**settings["encoder"], "gone": 1}},
        {},
        settings,
        settings,
        settings,
        settings,
    ]
    for seed, given in enumerate(broken):
        write_run("simclr", seed, [1, 100], given)
    folders = [throughput.Path(parse_run("contextssl", "3diebench", "simclr", seed).folder) for seed in range(7)]
    pd.DataFrame({"device": []}).to_parquet(folders[3] / "rows" / "evaluation.parquet")
    (folders[4] / "rows" / "evaluation.parquet").write_text("no table")
    (folders[5] / "state" / "history.jsonl").write_text('{"step": 1}\n')
    (folders[6] / "run.json").unlink()
    (folders[0].parent / "seedX" / "rows").mkdir(parents=True)
    (folders[0].parent / "seedX" / "rows" / "evaluation.parquet").touch()
    assert read_trainings(paper) == []
    write_run("simclr", 7, [1, 50], settings)
    assert [row.images_per_second for row in read_trainings(paper)] == [50]
    describe_costs(paper)


def test_the_device_is_the_one_that_jobs_run_on(config, gpu, monkeypatch):
    assert name_device(config) == GPU.name
    config["engine"]["device"] = "cpu"
    assert name_device(config) == "CPU"
    assert describe_sharing(config, list_runs(config)) == []


def test_the_plan_says_how_runs_share_gpus(config, gpu, monkeypatch):
    monkeypatch.setattr(plan, "get_gpu_share", lambda config, run, job: 100 if run.method == "contextssl" else 10)
    runs = [parse_run("contextssl", "embedded", name, 0) for name in ("contextssl", "simclr", "vicreg")]
    assert describe_sharing(config, runs) == ["GPUs: 1; of the trainings 2 need 10 % of one, 1 need 100 % of one"]


def test_the_benchmark_writes_rows_that_plans_read(small_config):
    machine = {"device": "CPU, one thread", "torch": "2", "processor": "P"}
    rows = [
        Measurement("training", "simclr", "images", "images/s", 5.0, 4.0, 6.0, 3),
        Measurement("training", "simclr", "pace", "steps/s", 1.0, 1.0, 1.0, 3),
        Measurement("training at 128 px", "simclr", "images", "images/s", 7.0, 4.0, 6.0, 3),
    ]
    (found,) = list_throughput(rows, machine)
    assert found.workload == get_workload(small_config, parse_run("contextssl", "embedded", "simclr", 0))
    assert (found.images_per_second, found.device) == (5.0, "CPU")
