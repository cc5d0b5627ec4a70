"""What stands in results/ already, before a DAG is made of it: data packed in another way, files of the future.

Both are refused here, in a sentence and within milliseconds. Found by the jobs, they would cost hours first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.identity import first_difference
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json

Source = dict[str, Any]
FORM = ("layout", "resolution", "per_class", "classes", "average")  # settings of a source that decide how it is packed
SKEW_SECONDS = 60.0  # that clocks of machines may differ


def check_sources(sources: dict[str, Source], data: Path) -> None:
    """Raise `UserError` where a source was packed with other settings than it has now.

    sources: by name, as the config has them. data: the folder of folders of sources. What is packed says what it was
    packed with; where it is older than that, layout and resolution are compared.
    """
    for name, source in sources.items():
        folder = data / name
        if not (folder / "packed" / "meta.json").exists():
            continue
        meta = read_json(folder / "packed" / "meta.json")
        stored, wanted = _read_form(meta), list_form(source)
        shared = {key: value for key, value in wanted.items() if key in stored}
        different = first_difference(stored, shared) if stored != shared else ""
        different = different or _compare_drawing(folder / "raw" / "settings.json", source)
        if different:
            raise UserError(
                f"{folder / 'packed'} was packed with other settings of sources.{name} ({different}); put them back, "
                f"give the changed source a name of its own, or move or delete {folder} and the runs that were made "
                "from it"
            )


def list_form(source: Source) -> dict[str, Any]:
    """Return the settings of a source that decide how it is packed, as packed data record them."""
    share = source.get("per_class") or {}
    average = source.get("average")
    return {
        "layout": source["layout"],
        "resolution": source.get("resolution"),
        "per_class": [share.get(split) for split in ("train", "test")],
        "classes": source.get("classes"),
        "average": None if average == 1 else average,
    }


def _read_form(meta: Any) -> dict[str, Any]:
    recorded = meta.get("settings") if isinstance(meta, dict) else None
    if isinstance(recorded, dict):
        return {key: recorded.get(key) for key in FORM}
    found = meta if isinstance(meta, dict) else {}
    return {key: found[key] for key in ("layout", "resolution") if key in found}


def _compare_drawing(stamp: Path, source: Source) -> str:
    """Return how the images that were drawn differ from what is to be drawn; "" where they do not, or are gone."""
    wanted = source.get("render")
    if wanted is None or not stamp.exists():
        return ""
    stored = {key: value for key, value in read_json(stamp).items() if key in wanted}
    return first_difference(stored, wanted, "render") if stored != wanted else ""


def check_times(inputs: Iterable[Path], rows: Iterable[Path], results: Path) -> None:
    """Raise `UserError` where files are dated in the future: they would be newer than what is made of them, for ever.

    inputs: packed data and weights. rows: what evaluations wrote. results: the folder to name, with all of them in it.
    The advice makes the files as old as the oldest rows, so that no evaluation is out of date by that.
    """
    now = time.time()
    times = [(path, _read_time(path)) for path in inputs]
    later = [path for path, changed in times if changed > now + SKEW_SECONDS]
    found = [(path, _read_time(path)) for path in rows]
    late = [path for path, changed in found if changed > now + SKEW_SECONDS]
    if not (later or late):
        return
    there = [changed for _, changed in found if 0 < changed <= now]
    date = min(there) if there and not late else now
    path = next(iter(later or late))
    raise UserError(
        f"{path}{f' and {count - 1} other files' if (count := len(later) + len(late)) > 1 else ''} is dated in the "
        f"future, {_say(_read_time(path))}, and would be newer than all that is made of it; set the clock right if it "
        f"is wrong, or call: find {results} -newermt now -exec touch -d '{_say(int(date))}' {{}} +"
    )


def _read_time(path: Path) -> float:
    """Return when a file was changed, 0 where there is none."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _say(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")
