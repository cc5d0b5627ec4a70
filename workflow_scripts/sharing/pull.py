"""Pull an experiment's results from a repository, so that the workflow takes them as done.

What a repository holds is not trusted: nothing is unpickled, only files that the experiment can have are fetched, and
each is verified by the digest that the Hub lists, by its own, and against the experiment's settings. Files come to a
folder beside the results and are moved into place when all are right; results that are here are never changed.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.identity import first_difference, hash_data, read_identity
from workflow_scripts.experiment.runs import Run, get_settings, get_space, list_sources
from workflow_scripts.sharing.contents import (
    META,
    RESULTS,
    ROWS,
    WEIGHTS,
    SharedFiles,
    list_run_parts,
    make_source_part,
)
from workflow_scripts.sharing.push import check_run_files
from workflow_scripts.sharing.repository import RemoteEntry, Repository
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, read_json

STAGING = RESULTS / ".pulled"  # what an interrupted pull has brought stays there
LAST = (META, WEIGHTS, ROWS)  # in this order, after all others: what says that something is whole
EVALUATED = (ROWS, "rows/evaluation.json", "MODEL_CARD.md")  # made from the weights


def pull(config: dict[str, Any], repository: Repository) -> str:
    """Pull what a repository has of an experiment, and return what was done, for people.

    Raises `UserError`, and changes no result, where it has nothing, where files are damaged or of other settings or
    data, and where a run here is another.
    """
    commit, there = repository.list_entries()
    staging = STAGING / repository.name.replace("/", "--") / commit
    runs = [(run, part) for run, part in list_run_parts(config) if all(_list_paths(part, there, required=True))]
    if not runs:
        raise UserError(
            f"{repository.name} has no finished run of {config['experiment']} with these seeds; it has "
            f"{', '.join(sorted({path.split('/')[0] for path in there if '/seed' in path})) or 'no results at all'}"
        )
    sources = [_choose_files(config, source, there) for source in list_sources(config)]
    parts = [*(source for source in sources if source), *(part for _, part in runs)]
    wanted = [path for part in parts for path in _list_wanted(part, there, repository)]
    described = [path for path in wanted if path.endswith(("/run.json", f"/{META}"))]
    for paths in (described, wanted):  # first what tells whether the rest is wanted at all
        repository.fetch(paths, commit, staging)
        _check_digests(paths, there, staging, repository)
        for run, part in runs:
            _check_settings(config, run, part, staging, repository)
    for part in parts:
        _check_content(part, wanted, staging)
    now = time.time()
    oldest = _find_oldest(RESULTS / get_space(config), now)
    for path in sorted(wanted, key=_rank):
        _place(staging / path, RESULTS / path, now if path.endswith(EVALUATED) else oldest)
    shutil.rmtree(STAGING, ignore_errors=True)
    absent = len(list_run_parts(config)) - len(runs)
    rest = f"{absent} runs of the experiment are not there. " if absent else ""
    done = f"pulled {len(wanted)} files" if wanted else "everything was here already"
    return (
        f"{repository.name}: {done}, for {len(runs)} runs. {rest}`make reproduce` with the same EXPERIMENT and SEEDS "
        "makes tables, figures and the report from them"
    )


def _list_paths(part: SharedFiles, there: dict[str, RemoteEntry], required: bool = False) -> list[str]:
    """Return the paths of a part's files that a repository has; with `required`, "" in place of those that it lacks."""
    if required:
        paths = [f"{part.folder}/{name}" for name in part.required]
        return [path if path in there else "" for path in paths]
    return [path for name in (*part.required, *part.optional) if (path := f"{part.folder}/{name}") in there]


def _choose_files(config: dict[str, Any], source: str, there: dict[str, RemoteEntry]) -> SharedFiles | None:
    """Return the files of a source that a repository has: all, its description alone, or None."""
    for arrays in (True, False):
        part = make_source_part(config, source, arrays)
        if all(_list_paths(part, there, required=True)):
            return part
    return None


def _list_wanted(part: SharedFiles, there: dict[str, RemoteEntry], repository: Repository) -> list[str]:
    """Return the paths of a part's files that are not here. Raises `UserError` where a result here is another."""
    if (part.home / "state" / "checkpoint.pt").exists() and not (part.home / WEIGHTS).exists():
        raise UserError(f"{part.home} is a training that was begun here; finish it, or move it away, then pull again")
    wanted = []
    for path in _list_paths(part, there):
        here = RESULTS / path
        if not here.exists():
            wanted.append(path)
        # Of a description that was kept here, only what it says of the data matters, see `_check_settings`.
        elif path.endswith(part.required) and not path.endswith(META) and not there[path].equals(here):
            raise UserError(f"{here} is another than in {repository.name}; move {part.home} away to pull theirs")
    return wanted


def _check_digests(paths: list[str], there: dict[str, RemoteEntry], staging: Path, repository: Repository) -> None:
    for path in paths:
        if not there[path].equals(staging / path):
            (staging / path).unlink()
            raise UserError(f"{path} came damaged from {repository.name}; run the same command again")


def _check_settings(config: dict[str, Any], run: Run, part: SharedFiles, staging: Path, repository: Repository) -> None:
    """Raise `UserError` for a run of other settings than the experiment's, or of other data than its source's."""
    settings, identity = read_identity(_find(part, "run.json", staging).parent)
    if settings != (own := get_settings(config, run)):
        raise UserError(
            f"{part.folder} of {repository.name} was made with another configuration "
            f"({first_difference(settings, own)}); pull with the checkout and settings that it was made with"
        )
    source = make_source_part(config, config["dataset_settings"][run.dataset]["source"], arrays=False)
    meta = _find(source, META, staging)
    if meta.exists() and hash_data(meta.parent) != identity["data"]:
        raise UserError(f"{part.folder} of {repository.name} was made from other data than {meta.parent}")


def _find(part: SharedFiles, name: str, staging: Path) -> Path:
    """Return where a file is: here, or else in the staging folder."""
    return part.home / name if (part.home / name).exists() else staging / part.folder / name


def _check_content(part: SharedFiles, wanted: list[str], staging: Path) -> None:
    """Raise `UserError` where files that come are damaged, or do not belong to those that they come to."""
    coming = [name for name in part.required if f"{part.folder}/{name}" in wanted]
    if META in part.required:
        digests = read_json(_find(part, META, staging))["sha256"]
        for name in coming:
            file = staging / part.folder / name
            if name != META and hash_file(file) != digests.get(file.name):
                raise UserError(f"{part.folder}/{name} is not what its {META} describes; pull from another repository")
    elif coming:
        check_run_files(*(_find(part, name, staging) for name in part.required))


def _find_oldest(space: Path, now: float) -> float:
    """Return when the oldest weights or rows here were made [s since the epoch], `now` without any.

    Data and weights that come are made to look no newer: what was made here from the same files stays done.
    """
    made = [path.stat().st_mtime for name in (WEIGHTS, ROWS) for path in space.glob(f"*/*/seed*/{name}")]
    return min(made, default=now)


def _rank(path: str) -> int:
    """Return the place of a file in the order of placing."""
    return next((rank for rank, name in enumerate(LAST, 1) if path.endswith(f"/{name}")), 0)


def _place(staged: Path, target: Path, modified: float) -> None:
    """Move a file to where nothing is, with a time of modification [s since the epoch]."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.utime(staged, (modified, modified))
    os.replace(staged, target)
