"""What there is to share of an experiment: packed data and runs, as files below results/.

Trainings' checkpoints are no part of it: they are pickled, and only whoever wrote them can trust them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.data.packed import ARRAYS
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import DOWNLOADS
from workflow_scripts.experiment.runs import Run, get_space, list_runs

RESULTS = Path("results")
WEIGHTS, ROWS, META = "weights.safetensors", "rows/evaluation.parquet", "packed/meta.json"


@dataclass(frozen=True)
class SharedFiles:
    """The files of a run, or of a packed source.

    folder: below results/, with "/". required: what it is, of which another version is another result. optional: what
    describes it, and may differ from one machine to the next (times), or be absent.
    """

    folder: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Where the files are, or belong, from the folder that the workflow works in."""
        return RESULTS / self.folder


def list_run_parts(config: dict[str, Any]) -> list[tuple[Run, SharedFiles]]:
    """Return every run of an experiment with its files."""
    required = ("run.json", WEIGHTS, ROWS)
    times = tuple(f"{rule}.time.tsv" for rule in ("import_checkpoint", "pretrain", "evaluate"))
    optional = ("rows/evaluation.json", "MODEL_CARD.md", "state/history.jsonl", *times)
    return [(run, SharedFiles(run.folder.removeprefix("results/"), required, optional)) for run in list_runs(config)]


def make_source_part(config: dict[str, Any], source: str, arrays: bool) -> SharedFiles:
    """Return the files of a packed source: its description, and the arrays only where they are wanted."""
    files = (*(f"packed/{name}.npy" for name in ARRAYS), META) if arrays else (META,)
    times = tuple(f"{rule}.time.tsv" for rule in ("download", "render", "synthesize", "pack"))
    return SharedFiles(f"{get_space(config)}/data/{source}", files, (*times, "contact_sheet.png") if arrays else times)


def find_hindrance(settings: dict[str, Any], downloads: bool) -> str:
    """Say why the arrays of a source are not to be pushed: "" where nothing hinders.

    settings: of the source. downloads: whether the user says that the licences of downloaded data allow it.
    """
    if "download" not in settings:
        return ""  # made by the workflow itself
    if "access" in read_yaml(DOWNLOADS / f"{settings['download']}.yaml"):
        return "nobody may pass them on without the owner's agreement"
    return "" if downloads else "they were downloaded; where their licence allows it, add ARGS=--with-downloads"


def list_present(part: SharedFiles) -> Iterator[tuple[str, Path]]:
    """Yield the files of a part that exist, each as (path below results/, where it is)."""
    for name in (*part.required, *part.optional):
        if (path := part.home / name).is_file():
            yield f"{part.folder}/{name}", path
