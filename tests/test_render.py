"""The embedded benchmark's files: their layout, their determinism, and what bad settings and kills do."""

import errno
import hashlib
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import refuse

from workflow_scripts import render as render_command
from workflow_scripts.data.readers.threediebench import ThreeDIEBench
from workflow_scripts.data.rendering import scenes
from workflow_scripts.data.rendering import tree as render_tree
from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.data.rendering.source import draw_tree
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit

SMALL = {
    "classes": 2,
    "objects_per_class": {"train": 3, "test": 2},
    "views": 3,
    "resolution": 16,
    "supersampling": 1,
    "jpeg_quality": 90,
}


def draw(folder: Path, settings: dict, workers: int = 1) -> Path:
    draw_tree(folder / "raw", folder / "raw.json", folder / "sheet.png", "small", parse_settings(settings), workers)
    return folder / "raw"


def digest(raw: Path) -> dict[str, str]:
    files = (path for path in raw.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(raw)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A small tree, drawn by one thread. Read only."""
    return draw(tmp_path_factory.mktemp("tree"), SMALL)


# --- files --------------------------------------------------------------------------------------------------------


def test_layout_is_the_official_one(tree):
    folders = {}
    for split, objects in (("train", 6), ("val", 4)):
        names = np.load(tree / f"{split}_images.npy", allow_pickle=False)
        labels = np.load(tree / f"{split}_labels.npy", allow_pickle=False)
        assert names.dtype.kind == "U"
        assert labels.dtype == np.int64
        assert len(names) == len(labels) == objects
        assert [int(name.split("/")[1][-2:]) for name in names] == labels.tolist()
        folders[split] = set(names.tolist())
    assert not folders["train"] & folders["val"]
    for name in folders["train"] | folders["val"]:
        assert name.startswith("/embedded-0")
        assert name.endswith("/")
        folder = tree / name.strip("/")
        assert {path.name for path in folder.iterdir()} == {
            f"{kind}" for view in range(3) for kind in (f"image_{view}.jpg", f"latent_{view}.npy")
        }
        for view in range(3):
            latent = np.load(folder / f"latent_{view}.npy", allow_pickle=False)
            assert (latent.shape, latent.dtype) == ((7,), np.float64)
            with Image.open(folder / f"image_{view}.jpg") as image:
                assert (image.size, image.mode, image.format) == ((16, 16), "RGB", "JPEG")


def test_reader_finds_images_of_their_latents(tree):
    """The data set's reader opens the tree; what it reads is what the ray-caster draws at those latents."""
    from workflow_scripts.data.rendering.raycaster import render

    settings = parse_settings(SMALL)
    reader = ThreeDIEBench(tree)
    assert (list(reader.classes), reader.views) == (["embedded-00", "embedded-01"], 3)
    templates = scenes.make_classes(settings)
    names = [name for split in scenes.SPLITS for name in scenes.list_objects(settings, split)]
    for index in (0, 5, 9):
        reader.check(index)
        images, latents = reader.read(index, 16)
        composite = scenes.make_object(templates[names[index].label], settings, names[index])
        drawn = render(composite, latents, 16, 1)
        assert np.abs(images.astype(int) - drawn).mean() < 6  # JPEG


def test_manifest_and_contact_sheet(tree):
    manifest = json.loads((tree.parent / "raw.json").read_text())
    assert manifest["root"] == str(tree)
    assert manifest["source"] == "small"
    assert "not comparable" in manifest["caveat"]
    assert manifest["settings_hash"] == render_tree.hash_render(parse_settings(SMALL))
    assert manifest["sha256"]["train_images.npy"] == digest(tree)["train_images.npy"]
    with Image.open(tree.parent / "sheet.png") as sheet:
        assert min(sheet.size) > 1000


def test_same_bytes_whatever_the_workers(tree, tmp_path):
    assert digest(draw(tmp_path, SMALL, workers=2)) == digest(tree)
    assert (tmp_path / "sheet.png").read_bytes() == (tree.parent / "sheet.png").read_bytes()


def test_another_seed_is_another_tree(tree, tmp_path):
    assert not set(digest(draw(tmp_path, {**SMALL, "seed": 1})).values()) & {
        value for name, value in digest(tree).items() if name.endswith((".jpg", ".npy")) and "labels" not in name
    }


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_kill_and_rerun_gives_the_same_tree(tmp_path):
    """SIGKILL in the middle of drawing; the next run keeps what was complete and draws the rest."""
    settings = {**SMALL, "objects_per_class": {"train": 24, "test": 2}, "views": 12}
    raw = tmp_path / "killed" / "raw"
    options = ["--raw", raw, "--manifest", tmp_path / "m.json", "--contact-sheet", tmp_path / "s.png"]
    options += ["--source", "small", "--settings", json.dumps(settings), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "workflow_scripts.render", *map(str, options)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(list(raw.glob("embedded-*/*"))) < 6:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_ino for path in raw.glob("embedded-*/*") if path.suffix != ".partial"}
    assert 0 < len(kept) < 52
    assert not (tmp_path / "m.json").exists()
    rest = digest(draw(tmp_path / "killed", settings))
    assert {path: path.stat().st_ino for path in kept} == kept
    (tmp_path / "whole").mkdir()
    assert rest == digest(draw(tmp_path / "whole", settings))


@pytest.mark.faults
def test_full_disk_and_damage_are_mended_by_a_rerun(tree, tmp_path, monkeypatch):
    written = itertools.count()
    encode = render_tree.encode_jpeg

    def fail(image, quality):
        if next(written) == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return encode(image, quality)

    with monkeypatch.context() as patched:
        patched.setattr(render_tree, "encode_jpeg", fail)
        with pytest.raises(OSError, match="No space left"):
            draw(tmp_path, SMALL)
    assert not (tmp_path / "raw.json").exists()
    raw = draw(tmp_path, SMALL)
    next(raw.glob("embedded-01/*/image_2.jpg")).write_bytes(b"")
    next(raw.glob("embedded-00/*/latent_1.npy")).unlink()
    (raw / ".settings.json.x1.json").touch()  # of a process killed while it wrote this file
    assert digest(draw(tmp_path, SMALL)) == digest(tree)


@pytest.mark.faults
def test_a_tree_of_other_settings_is_refused_and_left_alone(tree):
    before = digest(tree)
    with pytest.raises(UserError, match=r"raw holds images drawn with other settings \(views: 3, now 4\); move"):
        draw(tree.parent, {**SMALL, "views": 4})
    assert digest(tree) == before


@pytest.mark.faults
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "thesis.tex").touch()
    with pytest.raises(UserError, match="raw holds files that this step did not write"):
        draw(tmp_path, SMALL)
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["thesis.tex"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "render settings: the top level: [] is not of type 'object'"),
        ({"clases": 5}, "render settings: unknown key 'clases' at the top level; did you mean 'classes'?"),
        ({"classes": 0}, "render settings: classes: 0 is less than the minimum of 1"),
        ({"views": 2.5}, "render settings: views: 2.5 is not of type 'integer'"),
        ({"views": 3.0}, "render settings: views: 3.0 is not of type 'integer' (write 3)"),
        ({"views": True}, "render settings: views: True is not of type 'integer'"),
        ({"jitter": "much"}, "render settings: jitter: 'much' is not of type 'number'"),
        ({"jitter": math.nan}, "render settings: jitter: nan is not of type 'number'"),
        ({"parts": 2}, "render settings: parts: 2 is less than the minimum of 3"),
        ({"shadow": 1}, "render settings: shadow: 1 is not of type 'boolean'"),
        ({"objects_per_class": {"train": 3, "val": 2}}, "render settings: unknown key 'val' at objects_per_class"),
        ({"objects_per_class": {"test": 0}}, "render settings: objects_per_class.test: 0 is less than the minimum"),
        ({"floor_hue_range": [0, 360]}, "render settings: floor_hue_range.1: 360 is greater than the maximum of 1"),
        ({"rotation_range": [1, -1]}, "render settings: rotation_range: [1, -1] does not ascend"),
        ({"rotation_range": 1.0}, "render settings: rotation_range: 1.0 is not of type 'array'"),
    ],
)
def test_bad_settings_are_told_in_one_sentence(given, sentence):
    with pytest.raises(UserError) as caught:
        parse_settings(given)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.faults
def test_command_line_tells_bad_json(tmp_path):
    options = ["--raw", tmp_path / "raw", "--manifest", tmp_path / "m", "--contact-sheet", tmp_path / "s"]
    said = refuse(render_command, *options, "--source", "x", "--settings", "{classes: 5}")
    assert said.startswith("error: --settings is not valid JSON")
    assert not (tmp_path / "raw").exists()


def test_settings_are_those_of_the_default_experiment():
    """Its data are the defaults, and equal numbers of other types give the same tree."""
    given = load_experiment("contextssl/small")["sources"]["embedded"]["render"]
    assert parse_settings({}).as_json() == given
    settings = parse_settings(given)
    assert settings.as_json() == given
    assert parse_settings({**given, "rotation_range": [-1, 1]}) == settings
