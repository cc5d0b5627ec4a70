"""Push an experiment's results to a repository: weights, rows, and the packed data that may be passed on.

Everything is verified before it leaves: each file by its own digest, and weights, rows and data against each other.
Results that the repository has already are never replaced by others; rows of a newer evaluation of the same weights,
and what describes a run, are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.experiment.identity import check_data, check_identity, read_identity
from workflow_scripts.experiment.runs import Run, get_settings, list_sources
from workflow_scripts.rows import read_rows
from workflow_scripts.sharing.contents import (
    META,
    RESULTS,
    ROWS,
    SharedFiles,
    find_hindrance,
    list_present,
    list_run_parts,
    make_source_part,
)
from workflow_scripts.sharing.repository import RemoteEntry, Repository
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json
from workflow_scripts.support.templates import fill_template
from workflow_scripts.training.run import read_weights

CARD = Path(__file__).parent / "repository.md.j2"


def push(config: dict[str, Any], repository: Repository, downloads: bool = False, public: bool = False) -> str:
    """Push all runs of an experiment, which must be finished, and return what was done, for people.

    downloads: whether packed data that were downloaded are pushed, too. public: whether anybody may see the repository,
    if it is made now. Raises `UserError` where something is missing, damaged, or another result there.
    """
    runs = list_run_parts(config)
    check_finished([part for _, part in runs])
    sources, said = _choose_data(config, downloads)
    for source in sources:
        _verify_data(source)
    for run, part in runs:
        _verify_run(config, run, part)
    repository.create(public)
    commit, there = repository.list_entries()
    new = {
        path: file
        for part in [*sources, *(part for _, part in runs)]
        for path, file in list_present(part)
        if _is_new(part, path, file, there, repository)
    }
    if new:
        card = {} if "README.md" in there else {"README.md": _describe(repository, config).encode()}
        repository.commit({**card, **new}, f"{config['experiment']}: {len(runs)} runs", commit)
    size = sum(file.stat().st_size for file in new.values())
    done = f"pushed {len(new)} files ({size / 1e6:.1f} MB)" if new else "everything was there already"
    again = f"make pull HUB={repository.name} EXPERIMENT={config['experiment']}"
    return "\n".join([*said, f"{repository.name}: {done}; `{again}` brings them into another checkout"])


def check_finished(parts: list[SharedFiles]) -> None:
    """Raise `UserError` where a run has not been evaluated."""
    if missing := [part for part in parts if not all((part.home / name).is_file() for name in part.required)]:
        raise UserError(
            f"{len(missing)} of {len(parts)} runs are not finished, the first is {missing[0].home}; run make reproduce "
            "with the same EXPERIMENT and SEEDS first"
        )


def _choose_data(config: dict[str, Any], downloads: bool) -> tuple[list[SharedFiles], list[str]]:
    """Return the files of each source that are pushed, and why arrays are left out, in sentences."""
    parts, said = [], []
    for source in list_sources(config):
        why = find_hindrance(config["sources"][source], downloads)
        parts.append(make_source_part(config, source, arrays=not why))
        said += [f"Without the packed data of {source}: {why}."] if why else []
    return parts, said


def _verify_data(source: SharedFiles) -> None:
    read_json(source.home / META)
    if len(source.required) > 1:
        PackedDataset((source.home / META).parent).verify()


def _verify_run(config: dict[str, Any], run: Run, part: SharedFiles) -> None:
    """Raise `UserError` where a run's files are damaged, of another configuration, or do not belong together."""
    check_identity(part.home, get_settings(config, run))
    source = config["dataset_settings"][run.dataset]["source"]
    check_data(part.home, (make_source_part(config, source, arrays=False).home / META).parent)
    check_run_files(*(part.home / name for name in part.required))


def check_run_files(described: Path, weights: Path, rows: Path) -> None:
    """Raise `UserError` where a run's weights or rows are damaged, or of another run than its run.json, `described`."""
    _, identity = read_identity(described.parent)
    _, found = read_weights(weights)
    if found.get("hash") != identity["hash"]:
        raise UserError(f"{weights} is not of the run that {described} describes; train it again")
    measured = read_rows(rows)
    if set(measured["config_hash"]) != {identity["config"]} or set(measured["data_hash"]) != {identity["data"]}:
        raise UserError(f"{rows} is not of the run that {described} describes; evaluate it again")


def _is_new(part: SharedFiles, path: str, file: Path, there: dict[str, RemoteEntry], repository: Repository) -> bool:
    """Tell whether a file is to be pushed. Raises `UserError` where it would replace another result."""
    if path not in there:
        return True
    if there[path].equals(file):
        return False
    if path.endswith(part.required) and not path.endswith(ROWS):
        raise UserError(
            f"{repository.name} has another {path} than {RESULTS}; push to another repository, or delete "
            f"{part.folder} there first"
        )
    return True


def _describe(repository: Repository, config: dict[str, Any]) -> str:
    """Return the page that a new repository shows."""
    return fill_template(CARD, repository=repository.name, experiment=config["experiment"])
