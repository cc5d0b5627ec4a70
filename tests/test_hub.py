"""push and pull, against a stand-in for the Hugging Face Hub that the Hub's own library talks to."""

import os
import shutil

import hub_server
import pytest
from finished_runs import PAIRS, TABLE, finish_runs, load_small
from project import SMOKE, SPACE, call, refuse

from workflow_scripts import hub as module
from workflow_scripts import start
from workflow_scripts.experiment.overrides import load_config
from workflow_scripts.sharing.contents import find_hindrance
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.faults
hub = hub_server.hub  # the fixture
NAME = "me/results"
DATA = f"{SPACE}/data/{TABLE}/packed"
RUN = f"{SPACE}/{TABLE}/constant/seed0"


@pytest.fixture(scope="module")
def made(tmp_path_factory, smoke_table):
    """A small finished experiment. Read only."""
    folder = tmp_path_factory.mktemp("made")
    finish_runs(folder, load_small(), smoke_table)
    return folder


@pytest.fixture
def finished(tmp_path, made, monkeypatch):
    """Where a small experiment is finished; commands run there."""
    shutil.copytree(made, tmp_path / "finished")
    monkeypatch.chdir(tmp_path / "finished")
    # A process holds the lock until it ends; each command is one.
    monkeypatch.setattr(start, "hold", lambda path: None)
    return tmp_path / "finished"


PUSHED = {}  # what the stand-in has after a push, once for all tests


@pytest.fixture
def pushed(finished, hub):
    if not PUSHED:
        call(module, "push", NAME, "--config", *PAIRS)
        PUSHED.update(hub.repositories[NAME])
    hub.repositories[NAME], hub.private[NAME], hub.commits = dict(PUSHED), True, ["pushed"]
    return finished


@pytest.fixture
def elsewhere(pushed, tmp_path, monkeypatch):
    """Another checkout, empty."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def read_results(folder):
    """Contents by path, but for what is never shared."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file()]
    kept = [path for path in files if path.name not in (".lock", "checkpoint.pt", "verified.json")]
    return {path.relative_to(folder / "results").as_posix(): path.read_bytes() for path in kept}


def pull():
    call(module, "pull", NAME, "--config", *PAIRS)


def test_what_is_pushed_is_private_and_says_how_to_get_it(finished, hub):
    call(module, "push", NAME, "--config", *PAIRS)
    assert hub.private[NAME]
    assert hub.commits == ["contextssl/smoke: 2 runs"]
    assert not any("checkpoint" in path for path in hub.repositories[NAME])
    assert "make pull HUB=me/results" in hub.repositories[NAME]["README.md"].decode()


def test_what_is_pushed_comes_back_byte_for_byte(elsewhere, pushed, capsys):
    pull()
    assert read_results(elsewhere) == read_results(pushed)
    assert "for 2 runs" in capsys.readouterr().out
    assert not (elsewhere / "results" / ".pulled").exists()


def test_pushing_and_pulling_again_does_nothing(elsewhere, pushed, hub, monkeypatch, capsys):
    pull()
    before, fetched = read_results(elsewhere), len(hub.fetched)
    pull()
    assert "everything was here already" in capsys.readouterr().out
    assert len(hub.fetched) == fetched
    assert read_results(elsewhere) == before
    monkeypatch.chdir(pushed)
    call(module, "push", NAME, "--config", *PAIRS)
    assert "everything was there already" in capsys.readouterr().out
    assert len(hub.commits) == 1


def test_nothing_that_comes_is_newer_than_what_was_made_of_it(elsewhere, pushed):
    """Also where some of it was here: rows are kept, the weights they were made of come back."""
    other = elsewhere / "results" / SPACE / "other" / "simclr" / "seed0" / "weights.safetensors"
    other.parent.mkdir(parents=True)
    other.touch()
    os.utime(other, (1e9, 1e9))
    pull()
    for seed in (0, 1):
        run = elsewhere / "results" / SPACE / TABLE / "constant" / f"seed{seed}"
        made = (run / "rows" / "evaluation.parquet").stat().st_mtime
        for older in (run / "weights.safetensors", elsewhere / "results" / DATA / "meta.json"):
            assert older.stat().st_mtime <= other.stat().st_mtime < made
    (run / "weights.safetensors").unlink()
    pull()
    assert (run / "weights.safetensors").stat().st_mtime <= (run / "rows" / "evaluation.parquet").stat().st_mtime


@pytest.mark.parametrize("file", [f"{DATA}/inputs.npy", f"{RUN}/weights.safetensors", f"{RUN}/run.json"])
def test_what_comes_damaged_is_not_taken_and_comes_again(file, elsewhere, pushed, hub):
    hub.damaged.add(file)
    assert f"{file} came damaged" in refuse(module, "pull", NAME, "--config", *PAIRS)
    assert not (elsewhere / "results" / SPACE).exists()
    hub.damaged.clear()
    fetched = hub.fetched.copy()
    pull()
    assert read_results(elsewhere) == read_results(pushed)
    again = hub.fetched[len(fetched) :]
    assert file in again
    assert not set(again) & (set(fetched) - {file}), "what had come whole was fetched twice"


@pytest.mark.parametrize("file", [f"{DATA}/labels.npy", f"{RUN}/weights.safetensors", f"{RUN}/rows/evaluation.parquet"])
def test_what_a_repository_holds_is_verified_too(file, elsewhere, hub):
    content = hub.repositories[NAME][file]
    hub.repositories[NAME][file] = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    said = refuse(module, "pull", NAME, "--config", *PAIRS)
    assert file in said
    assert not (elsewhere / "results" / SPACE).exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "rows/evaluation.parquet", "run.json"])
def test_another_result_here_is_never_replaced(name, elsewhere, pushed):
    shutil.copytree(pushed / "results", elsewhere / "results")
    file = elsewhere / "results" / RUN / name
    file.write_bytes(b"mine")
    before = read_results(elsewhere)
    assert f"results/{RUN}/{name} is another than in me/results; move" in refuse(
        module, "pull", NAME, "--config", *PAIRS
    )
    assert read_results(elsewhere) == before


def test_a_training_that_was_begun_here_is_kept(elsewhere):
    state = elsewhere / "results" / RUN / "state" / "checkpoint.pt"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"hours of work")
    assert f"results/{RUN} is a training that was begun" in refuse(module, "pull", NAME, "--config", *PAIRS)
    assert [path for path in elsewhere.rglob("*") if path.is_file() and "results" in path.parts] == [state]


def test_runs_of_other_settings_are_refused_before_they_come(elsewhere, hub):
    said = refuse(module, "pull", NAME, "--config", *PAIRS, "encoders={mlp: {dim: 4}}")
    assert f"{RUN} of me/results was made with another configuration (encoder" in said
    assert not any(path.endswith("safetensors") for path in hub.fetched)


def test_runs_of_other_data_are_refused(elsewhere, pushed):
    meta = elsewhere / "results" / DATA / "meta.json"
    meta.parent.mkdir(parents=True)
    write_json(meta, {"sha256": {"inputs.npy": "other"}})
    assert "was made from other data than" in refuse(module, "pull", NAME, "--config", *PAIRS)


@pytest.mark.parametrize("name", ["weights.safetensors", "run.json"])
def test_another_result_there_is_never_replaced(name, pushed, hub):
    content = hub.repositories[NAME][f"{RUN}/{name}"]
    hub.repositories[NAME][f"{RUN}/{name}"] = b"theirs" + content
    said = refuse(module, "push", NAME, "--config", *PAIRS)
    assert f"me/results has another {RUN}/{name} than results; push to another repository" in said
    assert len(hub.commits) == 1


def test_damaged_and_unfinished_results_are_not_pushed(finished, hub):
    weights = finished / "results" / RUN / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "is damaged" in refuse(module, "push", NAME, "--config", *PAIRS)
    weights.unlink()
    said = refuse(module, "push", NAME, "--config", *PAIRS)
    assert f"1 of 2 runs are not finished, the first is results/{RUN}; run make reproduce" in said
    assert not hub.repositories


def test_who_may_not_and_who_cannot_is_told_what_to_do(finished, hub, monkeypatch):
    options = ("--config", *PAIRS)
    assert "no repository; say HUB=owner/name" in refuse(module, "push", "results", *options)
    assert "there is no repository me/results on the Hub that you may read" in refuse(module, "pull", NAME, *options)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "the Hub refuses this for me/results (401)" in refuse(module, "push", NAME, *options)
    monkeypatch.delenv("HF_TOKEN")
    assert "hf auth login" in refuse(module, "push", NAME, *options)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot reach the Hub" in refuse(module, "pull", NAME, *options)


def test_nothing_is_shared_while_the_workflow_runs(finished, hub, monkeypatch):
    def refuse_lock(path):
        assert path == start.STATE / "workflow.lock"
        raise UserError("this workflow is running here already")

    monkeypatch.setattr(start, "hold", refuse_lock)
    for what in ("push", "pull"):
        assert "is running here already" in refuse(module, what, NAME, "--config", *PAIRS)
    assert not hub.repositories


def test_a_repository_without_the_experiment_is_told(pushed, hub):
    for path in [path for path in hub.repositories[NAME] if "/seed" in path]:
        del hub.repositories[NAME][path]
    assert "has no finished run of contextssl/smoke" in refuse(module, "pull", NAME, "--config", *PAIRS)


@pytest.mark.unit
def test_only_data_that_may_be_passed_on_are_pushed():
    assert not find_hindrance({"render": {}}, downloads=False)
    assert "--with-downloads" in find_hindrance({"download": "cifar10"}, downloads=False)
    assert not find_hindrance({"download": "cifar10"}, downloads=True)
    for downloads in (True, False):
        assert "agreement" in find_hindrance({"download": "mimic3", "path": "/data"}, downloads)


@pytest.mark.unit
def test_a_command_of_its_own_reads_the_config_as_snakemake_does(tmp_path, monkeypatch):
    assert load_config([], PAIRS) == load_small()
    (tmp_path / "own.yaml").write_text(f"experiment: {SMOKE}\nseeds: [0, 1, 2]\ndatasets: [smoke-table]\n")
    monkeypatch.setenv("EXPERIMENT", "contextssl/small")
    monkeypatch.setenv("SEEDS", "2")
    config = load_config([tmp_path / "own.yaml"], PAIRS[:1])
    assert (config["experiment"], config["seeds"], config["datasets"]) == (SMOKE, [0, 1], [TABLE])
