"""What stands in results/ is compared with the config before anything runs: how data were packed, and when."""

import os
import re
import subprocess
import time

import pytest
from project import tell

from workflow_scripts.data.packing import list_settings
from workflow_scripts.data.standing import check_sources, check_times, list_form
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
SOURCE = {"layout": "threediebench", "resolution": 32, "render": {"jitter": 0.05}}
DAY = 86400.0


def write_packed(folder, **recorded):
    """Write the description of packed data, and of how its images were drawn."""
    write_json(folder / "toy" / "packed" / "meta.json", recorded)
    write_json(folder / "toy" / "raw" / "settings.json", {"renderer": 1, "jitter": 0.05})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"resolution": 16}, r"\(resolution: 32 there, 16 now\)"),
        ({"average": 2}, r"\(average: None there, 2 now\)"),
        ({"classes": 5}, r"\(classes: None there, 5 now\)"),
        ({"per_class": {"train": 3, "test": 1}}, r"\(per_class: \[None, None\] there, \[3, 1\] now\)"),
        ({"layout": "other"}, r"\(layout: 'threediebench' there, 'other' now\)"),
        ({"render": {"jitter": 0.1}}, r"\(render.jitter: 0.05 there, 0.1 now\)"),
    ],
)
def test_other_settings_of_packed_data_are_refused(change, said, tmp_path):
    settings = {**list_form(SOURCE), "format": 2}
    write_packed(tmp_path, settings=settings)
    check_sources({"toy": SOURCE, "absent": SOURCE}, tmp_path)
    check_sources({"toy": {**SOURCE, "average": 1}}, tmp_path)
    assert re.search(said, tell(check_sources, {"toy": {**SOURCE, **change}}, tmp_path))


def test_data_that_record_less_are_compared_by_that(tmp_path):
    write_packed(tmp_path, layout="threediebench", resolution=32)
    check_sources({"toy": {**SOURCE, "classes": 5}}, tmp_path)
    assert "sources.toy (resolution: 32 there, 16 now)" in tell(
        check_sources, {"toy": {**SOURCE, "resolution": 16}}, tmp_path
    )


def test_the_form_is_what_packing_records(random):
    class Empty:
        objects = labels = splits = random.integers(3, size=4)

    manifest = dict.fromkeys(("root", "source", "description", "caveat", "settings_hash"), "")
    recorded = list_settings(manifest, Empty(), "threediebench", 32, (3, 1), average=2, classes=None)
    wanted = list_form({**SOURCE, "per_class": {"train": 3, "test": 1}, "average": 2})
    assert {key: recorded.get(key) for key in wanted} == wanted


def touch(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (seconds, seconds))
    return path


@pytest.mark.parametrize("late_rows", [False, True])
def test_files_of_the_future_are_refused_with_advice_that_helps(late_rows, tmp_path):
    now = time.time()
    weights = touch(tmp_path / "a" / "weights.safetensors", now - DAY)
    rows = touch(tmp_path / "a" / "rows.parquet", now - DAY / 2)
    files = [weights, tmp_path / "absent"], [rows], tmp_path
    check_times(*files)
    touch(weights, now + 10)  # clocks differ a little
    check_times(*files)
    touch(weights, now + DAY)
    if late_rows:
        touch(rows, now + DAY)
    said = tell(check_times, *files)
    assert said.startswith(f"{weights}{' and 1 other files' if late_rows else ''} is dated in the future, ")
    subprocess.run(["bash", "-c", said.partition("or call: ")[2]], check=True)
    check_times(*files)
    assert weights.stat().st_mtime <= rows.stat().st_mtime
