"""The archive of a finished experiment: read back as a reader of RO-Crates would, and held against its profile."""

import base64
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from finished_runs import PAIRS, TABLE, finish_runs, load_small
from project import ROOT, SMOKE, SPACE, call, refuse
from rocrate.rocrate import ROCrate

from workflow_scripts import crate as module
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.rows import read_rows, write_rows
from workflow_scripts.sharing.crate import PROFILES
from workflow_scripts.support.files import hash_file, write_text

pytestmark = pytest.mark.workflow
RUN = f"results/{SPACE}/{TABLE}/constant/seed1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, smoke_table):
    """A finished experiment: its runs, their rows as one table, and a report."""
    folder = tmp_path_factory.mktemp("crate")
    runs = finish_runs(folder, load_small(), smoke_table)
    rows = pd.concat([read_rows(run / "rows" / "evaluation.parquet") for run in runs])
    (folder / "results" / SPACE / "metrics").mkdir()
    write_rows(rows, folder / "results" / SPACE / "metrics" / "smoke.parquet")
    for file in ("index.html", "tables/a.csv", "figures/a.png"):
        write_text(folder / "reports" / SMOKE / file, file)
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def crate(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        call(module, "--config", *PAIRS)
    unpacked = folder / "unpacked"
    zipfile.ZipFile(folder / "reports" / SMOKE / "crate.zip").extractall(unpacked)
    return ROCrate(unpacked)


def test_it_has_what_its_profile_requires(crate):
    root, workflow = crate.root_dataset, crate.mainEntity
    assert {profile.id for profile in root["conformsTo"]} == set(PROFILES)
    assert all(root[key] for key in ("name", "description", "license", "datePublished", "author"))
    assert workflow.id == "Snakefile"
    assert workflow.type == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    assert workflow["programmingLanguage"]["name"] == "Snakemake"
    (whole,) = [action for action in root["mentions"] if action["instrument"] == workflow]
    assert whole["endTime"]
    assert {slot["name"] for slot in (*workflow["input"], *workflow["output"])} == {"config", "rows", "report"}
    assert json.loads((Path(crate.source) / whole["object"][0].id).read_text()) == load_small()


def test_every_job_names_its_program_and_its_files(crate):
    actions = {action.id: action for action in crate.get_by_type("CreateAction")}
    trained, evaluated = (actions[f"#{rule}-{SPACE}/{TABLE}/constant/seed1"] for rule in ("pretrain", "evaluate"))
    assert len(actions) == 1 + 2 * 2
    assert trained["instrument"].id == "workflow_scripts/pretrain.py"
    assert trained["description"].startswith("Took 1.5 s. With code ")
    assert trained["result"][0] in evaluated["object"]
    assert f"{RUN}/rows/evaluation.parquet" in {entity.id for entity in evaluated["result"]}
    for action in actions.values():
        for entity in (*action["object"], *action["result"]):
            assert entity.id.startswith("ni:") or (Path(crate.source) / entity.id).exists()


def test_files_have_their_digests_and_large_ones_only_those(crate, folder):
    for entity in crate.get_by_type("File"):
        if "sha256" in entity and not entity.id.startswith("ni:"):
            assert hash_file(Path(crate.source) / entity.id) == entity["sha256"]
    weights = {entity["name"]: entity for entity in crate.get_by_type("File") if entity.id.startswith("ni:")}
    digest = hash_file(folder / RUN / "weights.safetensors")
    named = weights[f"{RUN}/weights.safetensors"].id.removeprefix("ni:///sha-256;")
    assert base64.urlsafe_b64decode(named + "=").hex() == digest
    ends = {path.suffix for path in Path(crate.source).rglob("*") if path.is_file()}
    assert not ends & {".safetensors", ".npy", ".pt", ".pyc"}


def test_versions_of_the_software_are_named(crate):
    software = {entity["name"]: entity["version"] for entity in crate.get_by_type("SoftwareApplication")}
    assert {"python", "snakemake", "torch"} <= set(software)
    assert crate.mainEntity["version"] == str(read_yaml(ROOT / "CITATION.cff")["version"])


def test_what_is_not_finished_is_refused(here):
    more = [PAIRS[0], PAIRS[1], "seeds=[0,1,2]", PAIRS[3]]
    assert "1 of 3 runs are not finished" in refuse(module, "--config", *more)
    fewer = [PAIRS[0], PAIRS[1], "seeds=[0]", PAIRS[3]]
    assert "has rows of other runs; run make reproduce" in refuse(module, "--config", *fewer)
    (here / "reports" / SMOKE / "index.html").rename(here / "away")
    assert "index.html does not exist; run make reproduce" in refuse(module, "--config", *PAIRS)
    (here / "away").rename(here / "reports" / SMOKE / "index.html")
