"""A finished experiment as a Workflow Run RO-Crate: an archive that says in a standard way what ran, and what came out.

Unpacked it is a checkout, without tests and documents, with rows, tables, figures and the report of the experiment;
`ro-crate-metadata.json` says which file is the workflow, which its inputs and results, and which job of which run made
what. Weights and packed arrays are large: they are named by their digests, and not in the archive.

Profile: Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5), on RO-Crate 1.1.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import platform
import re
import shutil
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.runs import get_space, is_imported, list_sources
from workflow_scripts.rows import read_rows
from workflow_scripts.sharing.contents import (
    META,
    RESULTS,
    ROWS,
    WEIGHTS,
    SharedFiles,
    list_present,
    list_run_parts,
    make_source_part,
)
from workflow_scripts.sharing.push import check_finished
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import atomic_path, hash_file

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"  # of sha256
SPECIFICATION = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
DONE = "http://schema.org/CompletedActionStatus"
FILES = ("config.yaml", "Makefile", "README.md", "LICENSE", "CITATION.cff")
FOLDERS = ("rules", "workflow_scripts", "papers", "schemas", "profiles", "envs")


def make_crate(config: dict[str, Any]) -> Path:
    """Write the archive of an experiment beside its report, and return where it is.

    Raises `UserError` where the experiment is not finished, or its rows are of other runs.
    """
    report = Path("reports", *config["experiment"].split("/"))
    rows = RESULTS / get_space(config) / "metrics" / f"{report.name}.parquet"
    runs = list_run_parts(config)
    check_finished([part for _, part in runs])
    if missing := [path for path in (rows, report / "index.html") if not path.is_file()]:
        raise UserError(f"{missing[0]} does not exist; run make reproduce with the same EXPERIMENT and SEEDS first")
    if set(read_rows(rows)["run"]) != {run.folder for run, _ in runs}:
        raise UserError(f"{rows} has rows of other runs; run make reproduce with the same EXPERIMENT and SEEDS first")
    crate = _begin(config)
    sources = [make_source_part(config, source, arrays=False) for source in list_sources(config)]
    data = {part.folder: _add(crate, part.home / META) for part in sources}
    jobs = [job for run, part in runs for job in _add_run(crate, config, run.dataset, part, data)]
    whole = _add_experiment(crate, config, report, rows, list(data.values()))
    crate.root_dataset["mentions"] = [whole, *jobs]
    archive = report / "crate.zip"
    with tempfile.TemporaryDirectory() as folder, atomic_path(archive) as temporary:
        crate.write(Path(folder, "crate"))
        shutil.move(shutil.make_archive(f"{folder}/made", "zip", f"{folder}/crate"), temporary)
    return archive


def _begin(config: dict[str, Any]) -> ROCrate:
    """Return a crate that holds the workflow, and what it is run with."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    about = read_yaml(ROOT / "CITATION.cff")
    crate = ROCrate(version="1.1", exclude=["__pycache__"])
    crate.metadata.extra_contexts.append(CONTEXT)
    crate.name = f"{config['experiment']}: {about['title']}"
    crate.description = f"One experiment of this workflow, from data to report. {about['abstract']}"
    crate.license = _describe(crate, f"https://spdx.org/licenses/{about['license']}", "CreativeWork", about["license"])
    crate.root_dataset["author"] = [
        crate.add(ContextEntity(crate, f"#author-{i}", {"@type": "Organization", **_name(author)}))
        for i, author in enumerate(about["authors"])
    ]
    crate.root_dataset["conformsTo"] = [_describe(crate, *profile) for profile in _list_profiles()]
    properties = {"name": about["title"], "version": str(about["version"])}
    workflow = crate.add_workflow(
        ROOT / "Snakefile", main=True, lang="snakemake", lang_version=version("snakemake"), properties=properties
    )
    workflow["conformsTo"] = {"@id": SPECIFICATION}
    workflow["softwareRequirements"] = list(_add_software(crate))
    for file in FILES:
        crate.add_file(ROOT / file, file)
    for folder in FOLDERS:
        crate.add_dataset(ROOT / folder, folder)
    return crate


def _list_profiles() -> list[tuple[str, str, str, str]]:
    return [(url, "CreativeWork", name, url.rpartition("/")[2]) for url, name in PROFILES.items()]


def _name(author: dict[str, Any]) -> dict[str, str]:
    """Return an author of CITATION.cff as an entity's properties."""
    names = (author.get("name"), author.get("given-names"), author.get("family-names"))
    return {"name": " ".join(filter(None, names))}


def _describe(crate: ROCrate, identifier: str, kind: str, name: str, of: str = "") -> Entity:
    """Add something outside the crate. of: its version."""
    from rocrate.model.contextentity import ContextEntity

    properties = {"@type": kind, "name": name, **({"version": of} if of else {})}
    return crate.add(ContextEntity(crate, identifier, properties))


def _add_software(crate: ROCrate) -> list[Entity]:
    """Add Python and the packages of envs/requirements.in, with the versions that are installed."""
    lines = (ROOT / "envs" / "requirements.in").read_text().splitlines()
    names = [found[0] for line in lines if (found := re.match(r"[A-Za-z0-9][\w.-]*", line))]
    versions = {"python": platform.python_version(), **{name: version(name) for name in names}}
    return [_describe(crate, f"#{name}", "SoftwareApplication", name, number) for name, number in versions.items()]


def _add(crate: ROCrate, path: Path, **properties: Any) -> Entity:
    """Add a file with its digest, under the path that it has in a checkout."""
    told = {"sha256": hash_file(path), "contentSize": str(path.stat().st_size), **properties}
    return crate.add_file(path, path.as_posix(), properties=told)


def _refer(crate: ROCrate, path: Path) -> Entity:
    """Add a file that is not in the crate: its name is its digest (RFC 6920)."""
    digest = hash_file(path)
    name = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    told = {"name": path.as_posix(), "sha256": digest, "contentSize": str(path.stat().st_size)}
    return crate.add_file(f"ni:///sha-256;{name}", properties=told)


def _add_run(
    crate: ROCrate, config: dict[str, Any], dataset: str, part: SharedFiles, data: dict[str, Entity]
) -> list[Entity]:
    """Add a run's files, and the jobs that made its weights and its rows."""
    source = make_source_part(config, config["dataset_settings"][dataset]["source"], arrays=False)
    settings, identity = read_identity(part.home)
    files = {
        path.removeprefix(f"{part.folder}/"): _add(crate, file)
        for path, file in list_present(part)
        if not path.endswith(WEIGHTS)
    }
    weights = _refer(crate, part.home / WEIGHTS)
    beside = [files[name] for name in ("rows/evaluation.json", "MODEL_CARD.md") if name in files]
    start = part.home.parents[1] / (settings["training"]["warm_start"] or ".") / part.home.name / WEIGHTS
    begun = [_refer(crate, start)] if start.is_file() else []  # it may be gone once its own run is evaluated
    jobs = {
        "import_checkpoint" if is_imported(settings) else "pretrain": (
            [data[source.folder], files["run.json"], *begun],
            [weights],
        ),
        "evaluate": ([weights, data[source.folder]], [files[ROWS], *beside]),
    }
    versions = f"With code {identity['code']}, torch {identity['torch']}, data {identity['data']}."
    return [
        crate.add_action(
            _get_program(crate, rule),
            f"#{rule}-{part.folder}",
            object=inputs,
            result=results,
            properties={
                "name": f"{rule} {part.folder}",
                "actionStatus": DONE,
                "description": _tell_time(part.home / f"{rule}.time.tsv") + versions,
            },
        )
        for rule, (inputs, results) in jobs.items()
    ]


def _get_program(crate: ROCrate, rule: str) -> Entity:
    """Return the program of a rule, added where it is not there yet."""
    file = f"workflow_scripts/{rule}.py"
    kinds = {"@type": ["File", "SoftwareSourceCode"], "name": f"python -m workflow_scripts.{rule}"}
    return crate.get(file) or crate.add_file(ROOT / file, file, properties=kinds)


def _tell_time(measured: Path) -> str:
    """Say how long a job took, from what Snakemake measured; "" where that is not there."""
    if not measured.is_file():
        return ""
    with open(measured, newline="") as file:
        *_, last = csv.DictReader(file, delimiter="\t")
    return f"Took {float(last['s']):.1f} s. "


def _add_experiment(crate: ROCrate, config: dict[str, Any], report: Path, rows: Path, data: list[Entity]) -> Entity:
    """Add the experiment as one run of the workflow: its settings, and what came out."""
    settings = json.dumps(config, indent=2, sort_keys=True) + "\n"
    given = crate.add_file(io.StringIO(settings), "config.json", properties={"name": "all settings, complete"})
    page = _add(crate, report / "index.html", name="the report", encodingFormat="text/html")
    results = [_add(crate, path) for path in (rows, rows.with_suffix(".csv")) if path.is_file()]
    folders = [
        crate.add_dataset(report / name, (report / name).as_posix(), properties={"name": name})
        for name in ("tables", "figures")
        if (report / name).is_dir()
    ]
    workflow = crate.mainEntity
    for key, name, example in (("input", "config", given), ("output", "rows", results[0]), ("output", "report", page)):
        slot = crate.add_formal_parameter(name, "File", identifier=f"#parameter-{name}")
        workflow.append_to(key, slot)
        example["exampleOfWork"] = slot
    ended = datetime.fromtimestamp((report / "index.html").stat().st_mtime, UTC).isoformat(timespec="seconds")
    properties = {"name": f"the workflow, for {config['experiment']}", "endTime": ended, "actionStatus": DONE}
    return crate.add_action(
        workflow, "#experiment", object=[given, *data], result=[page, *results, *folders], properties=properties
    )
