"""The smallest DAG, run for real from raw images to report."""

import json
import re
import shutil
import subprocess
import sys

import hub_server
import pandas as pd
import pytest
from project import ROOT, SMOKE, call, run_snakemake
from runtime_only import hide_development_packages

from workflow_scripts import hub as share
from workflow_scripts import start
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.runs import list_runs
from workflow_scripts.rows import read_rows

pytestmark = pytest.mark.workflow
hub = hub_server.hub  # the fixture
RESULTS, REPORTS = "results/contextssl", "reports/contextssl/smoke"
ESSL, LOOC = "essl/smoke", "looc/smoke"
TABLES = f"{REPORTS}/tables/contextssl"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    run_snakemake(folder)
    return folder


def test_every_method_has_rows_and_a_line_in_every_table(finished, smoke_config):
    rows = read_rows(finished / RESULTS / "metrics" / "smoke.parquet")
    found = {str(run.folder) for run in list_runs(smoke_config)}
    assert set(rows["run"]) == found
    assert set(rows.loc[rows["method"] == "contextssl", "level"].dropna()) == {0, 2, 14}
    assert rows["value"].notna().all()
    tables = sorted((finished / TABLES).glob("*.csv"))
    assert tables
    main = pd.read_csv(finished / TABLES / "smoke.main.csv")
    for method in smoke_config["methods"]:
        assert (main["method"] == method.partition("@")[0]).any(), f"{method} is missing from the main table"
    # Transformers have a line twice: ContextSSL under two contexts, the others at c = 0 and under the longest.
    twice = {"contextssl", "simclr+", "vicreg+"} & set(smoke_config["methods"])
    lines = main.loc[main["column"] == "Top-1"].dropna(subset="mean")
    assert set(lines.loc[lines["method"].duplicated(), "method"]) >= twice
    assert len(lines) == len(smoke_config["methods"]) + len(twice)


def test_a_table_has_accuracies_fairness_and_a_scorecard(finished):
    rows = read_rows(finished / RESULTS / "metrics" / "smoke.parquet")
    own = rows[rows["dataset"] == "smoke-table"]
    assert set(own["task"]) == {"class", "gender", "treatment"}
    assert set(own["metric"]) == {"accuracy", "equalized_odds", "equality_of_opportunity"}
    assert set(own.loc[own["representation"] == "z+", "condition"]) == {
        "context gender",
        "context gender+shuffled",
        "context invariant",
    }
    assert (own.loc[(own["method"] == "constant") & (own["metric"] == "equalized_odds"), "value"] == 0).all()
    tables = finished / TABLES
    card = pd.read_csv(tables / "smoke-table.scorecard.csv")
    assert set(card["claim"].str.partition("-")[0]) == {"fairness"}
    assert card["mean"].notna().all()
    table = (tables / "smoke-table.mimic3.md").read_text()
    assert "synthetic" in table
    assert "The paper's cells are not available" in table


def test_the_report_names_its_data(finished):
    report = (finished / REPORTS / "index.html").read_text()
    assert "embedded" in report
    assert "http-equiv" not in report
    for ending in ("png", "pdf"):
        assert (finished / REPORTS / "figures" / "contextssl" / f"smoke.context_curves.{ending}").stat().st_size > 1000


def test_constant_predictor_scores_the_floor(finished):
    rows = read_rows(finished / RESULTS / "metrics" / "smoke.parquet")
    constant = rows[(rows["method"] == "constant") & (rows["dataset"] == "smoke")].set_index(["task", "metric"])[
        "value"
    ]
    assert abs(constant["rotation", "r2"]) < 0.05
    assert abs(constant["color", "r2"]) < 0.05
    assert constant["rotation", "r2_pooled"] > 0.2


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in run_snakemake(finished, "--dry-run").stdout


def test_engine_settings_rerun_nothing(finished):
    result = run_snakemake(finished, "--dry-run", "--config", 'engine={"log_every": 7, "device": "cpu"}')
    assert "Nothing to be done" in result.stdout


def test_other_settings_are_refused_before_anything_is_deleted(finished):
    weights = finished / RESULTS / "smoke" / "simclr" / "seed0" / "weights.safetensors"
    before = weights.read_bytes()
    result = run_snakemake(finished, "--config", 'training={"lr": 0.5}', check=False)
    assert result.returncode != 0
    assert "training.lr: 0.002 there, 0.5 now" in result.stdout + result.stderr
    assert weights.read_bytes() == before


def test_data_packed_in_another_way_are_refused_before_anything_is_deleted(finished):
    packed = finished / RESULTS / "data" / "smoke" / "packed" / "meta.json"
    before = packed.read_bytes()
    result = run_snakemake(finished, "--config", 'sources={"smoke": {"resolution": 16}}', check=False)
    assert result.returncode != 0
    assert "packed with other settings of sources.smoke (resolution: 32 there, 16 now)" in result.stdout + result.stderr
    assert packed.read_bytes() == before


def test_code_is_no_input_of_trainings(finished):
    """A module added to training/ would change the set of inputs, which Snakemake takes for a reason to train."""
    plan = run_snakemake(finished, "--dry-run", "--config", "seeds=[1]").stdout
    inputs = re.findall(r"rule pretrain:\n    input: (.*)", plan)
    assert inputs
    assert not any(".py" in line for line in inputs)


def test_a_new_seed_trains_nothing_again(finished, smoke_config):
    result = run_snakemake(finished, "--dry-run", "--config", "seeds=[0,1]")
    outputs = [line for line in result.stdout.splitlines() if "output:" in line and "weights.safetensors" in line]
    assert len(outputs) == len(list_runs(smoke_config))
    assert all("seed1/" in line for line in outputs)


def test_deleting_a_method_recomputes_it_and_what_is_made_of_all(finished, tmp_path):
    for folder in ("results", "reports", ".snakemake"):
        shutil.copytree(finished / folder, tmp_path / folder)
    shutil.rmtree(tmp_path / RESULTS / "smoke" / "sie@rotation")
    plan = run_snakemake(tmp_path, "--dry-run").stdout
    counts = dict(re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE))
    once = ("pretrain", "evaluate", "collect", "tables", "figures", "report", "all")
    assert {name: int(count) for name, count in counts.items() if name != "total"} == dict.fromkeys(once, 1)


def test_the_same_seed_gives_the_same_bytes(finished, tmp_path):
    kept = [f"{RESULTS}/{name}" for name in ("data", "smoke/random", "smoke/constant", "smoke/vicreg")]
    for folder in kept:
        shutil.copytree(finished / folder, tmp_path / folder)
    shutil.copytree(finished / ".snakemake", tmp_path / ".snakemake")
    rows = f"{RESULTS}/smoke/contextssl/seed0/rows/evaluation.parquet"
    run_snakemake(tmp_path, "--", rows)
    assert (tmp_path / rows).read_bytes() == (finished / rows).read_bytes()


def test_tables_need_rows_only(finished, tmp_path):
    for folder in ("results", "reports", ".snakemake"):
        shutil.copytree(finished / folder, tmp_path / folder)
    shutil.rmtree(tmp_path / RESULTS / "smoke")
    shutil.rmtree(tmp_path / "reports")
    views = ["tables", "figures", "report"]
    run_snakemake(tmp_path, "--allowed-rules", "views", *views, "--forcerun", *views, "--", "views")
    name = "smoke.main.csv"
    made, before = (folder / TABLES / name for folder in (tmp_path, finished))
    assert made.read_text() == before.read_text()


def test_snakemakes_own_report_of_complete_and_of_partial_results(finished, tmp_path):
    """With the packages of a user: none of those that only tests need."""
    variables = hide_development_packages(tmp_path)
    run_snakemake(finished, "--report", tmp_path / "whole.html", variables=variables)
    whole = (tmp_path / "whole.html").read_text()
    for folder in ("results", "reports", ".snakemake"):
        shutil.copytree(finished / folder, tmp_path / folder)
    (tmp_path / REPORTS / "figures" / "training_curves.png").unlink()
    run_snakemake(tmp_path, "--report", tmp_path / "partial.html", variables=variables)
    partial = (tmp_path / "partial.html").read_text()
    for page in (whole, partial):
        assert "smoke.main.csv" in page
        assert "A view of the rows of experiment" in page
    # The rule that makes it is described in either; the figure itself is in one.
    assert whole.count("training_curves.png") > partial.count("training_curves.png")


def test_pulled_results_are_done(finished, tmp_path, hub, monkeypatch):
    """Those that one checkout has pushed; what is made of all runs is made anew, in seconds."""
    monkeypatch.setattr(start, "hold", lambda path: None)  # until this process ends
    for what, folder in (("push", finished), ("pull", tmp_path)):
        monkeypatch.chdir(folder)
        call(share, what, "me/results", "--config", f"experiment={SMOKE}")
    plan = run_snakemake(tmp_path, "--dry-run").stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE))
    assert set(jobs) == {"collect", "tables", "figures", "report", "all", "total"}
    assert json.loads((tmp_path / RESULTS / "smoke" / "simclr" / "seed0" / "run.json").read_text())["settings"]


def test_methods_that_transform_images_have_rows_tables_and_a_report(tmp_path):
    """The smallest experiment of another paper: learning curves, the leak of JPEG, and what knowing the class adds."""
    config = load_experiment(ESSL)
    run_snakemake(tmp_path, experiment=ESSL)
    rows = read_rows(tmp_path / "results" / "essl" / "metrics" / "smoke.parquet")
    assert set(rows["run"]) == {str(run.folder) for run in list_runs(config)}
    assert rows["value"].notna().all()
    points = rows[(rows["metric"] == "top1") & (rows["condition"] == "step")]
    watched = [name for name in config["methods"] if name != "constant"]
    assert sorted(points["level"]) == sorted([5, 10, 15, 20] * len(watched))
    measured = rows.groupby("metric")["method"].unique().map(set)
    assert measured["leak_accuracy"] == measured["lower_bound"] == {"constant"}
    assert measured["information_shuffled"] == {"random_probe"}
    assert measured["train_accuracy"] == {"pretext", "care"}
    report = (tmp_path / "reports" / "essl" / "smoke" / "index.html").read_text()
    assert read_yaml(ROOT / "papers" / "essl" / "published.yaml")["title"] in report
    assert list((tmp_path / "reports" / "essl" / "smoke" / "tables" / "essl").glob("*.csv"))


def test_methods_with_queues_have_rows_tables_and_a_report(tmp_path):
    """The smallest experiment of a third paper, whose report also has the tables over papers."""
    config = load_experiment(LOOC)
    run_snakemake(tmp_path, experiment=LOOC)
    rows = read_rows(tmp_path / "results" / "looc" / "metrics" / "smoke.parquet")
    assert set(rows["run"]) == {str(run.folder) for run in list_runs(config)}
    looc = rows[rows["method"] == "looc"]
    assert {"h", "z_all", "z_color", "z_rotation", "outputs", "hidden", "untrained"} == set(looc["representation"])
    assert {"accuracy", "neighbours_agree", "top1", "top1_interval", "usage", "same_image_mass"} <= set(looc["metric"])
    assert set(rows.loc[rows["metric"] == "leak_accuracy", "method"]) == {"constant"}
    tables = tmp_path / "reports" / "looc" / "smoke" / "tables"
    assert {folder.name for folder in tables.iterdir() if list(folder.glob("*.csv"))} == {"looc", "across"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("trainning={}", "unknown key 'trainning' at the top level; did you mean 'training'?"),
        ("methods=[nothing]", "there is no method 'nothing'"),
    ],
)
def test_a_mistake_in_the_config_is_one_sentence(tmp_path, change, message):
    result = run_snakemake(tmp_path, "--dry-run", "--config", change, check=False)
    assert result.returncode != 0
    assert message in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("path", ["/nowhere/cifar.zip", "/nowhere/a 'b' $(touch HIT); touch HIT #.zip"])
def test_a_missing_path_is_one_sentence_and_never_a_command(path, tmp_path):
    change = f"sources={json.dumps({'cifar10-small': {'path': path}})}"
    target = f"{RESULTS}/data/cifar10-small/raw.json"
    other = "contextssl/cifar10-small"
    result = run_snakemake(tmp_path, "--config", change, "--", target, experiment=other, check=False)
    assert result.returncode != 0
    assert path in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("HIT"))


def test_planning_imports_no_torch(tmp_path):
    code = "import sys; sys.modules['torch'] = None; from snakemake.cli import main; sys.argv[0] = 'snakemake'; main()"
    arguments = ["--snakefile", ROOT / "Snakefile", "--directory", tmp_path, "--dry-run", "--cores", "1"]
    result = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "pretrain" in result.stdout
