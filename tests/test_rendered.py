"""Images that are drawn when they are packed, and drawing on another device than a CPU."""

import importlib
import json
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from project import run_snakemake
from raw_trees import digests

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.readers.base import DrawingReader
from workflow_scripts.data.readers.rendered import Rendered
from workflow_scripts.data.readers.threediebench import ThreeDIEBench
from workflow_scripts.data.rendering import raycaster
from workflow_scripts.data.rendering.raycaster import Lighting, render
from workflow_scripts.data.rendering.scenes import SPLITS, list_objects, make_classes, make_object, sample_latents
from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.data.rendering.source import draw_tree
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unsynced")]

SMALL = {"classes": 2, "objects_per_class": {"train": 3, "test": 2}, "views": 3, "resolution": 16, "pose": "class"}


def draw(folder: Path, changes: dict, workers: int = 1, device: str = "cpu") -> Path:
    settings = parse_settings({**SMALL, **changes})
    folder.mkdir(exist_ok=True)
    draw_tree(folder / "raw", folder / "raw.json", folder / "sheet.png", "small", settings, workers, device)
    return folder / "raw"


@pytest.fixture(scope="module")
def without(tmp_path_factory) -> Path:
    """A tree without images. Read only."""
    return draw(tmp_path_factory.mktemp("without"), {"jpeg_quality": None})


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory) -> Path:
    """The same tree with images. Read only."""
    return draw(tmp_path_factory.mktemp("jpeg"), {})


@pytest.fixture
def threads(monkeypatch) -> set[str]:
    """Has "cuda" mean this CPU; the names of the threads that drew on it."""
    found = set()

    def draw_here(composite, latents, resolution, supersampling, lighting, device):
        if device == "cuda":
            found.add(threading.current_thread().name)
        return render(composite, latents, resolution, supersampling, lighting)

    monkeypatch.setattr(raycaster, "render", draw_here)
    return found


def expected_images(settings):
    """Every view as the ray-caster draws it, train objects first."""
    templates = make_classes(settings)
    for name in (name for split in SPLITS for name in list_objects(settings, split)):
        composite, latents = make_object(templates[name.label], settings, name), sample_latents(settings, name)
        lighting = Lighting(shadow=settings.shadow)
        yield render(composite, latents, settings.resolution, settings.supersampling, lighting), latents


# --- files and reader ---------------------------------------------------------------------------------------------


def test_tree_has_no_images_but_all_the_rest(without, jpeg):
    names = {f"{split}_{kind}.npy" for split in ("train", "val") for kind in ("images", "labels")}
    assert {path.name for path in without.iterdir()} - {".lock"} == {"settings.json", *names}
    for name in names:
        assert (without / name).read_bytes() == (jpeg / name).read_bytes()
    found, other = (json.loads((raw.parent / "raw.json").read_text()) for raw in (without, jpeg))
    assert found["sha256"] == other["sha256"]
    assert found["settings_hash"] != other["settings_hash"]
    with Image.open(without.parent / "sheet.png") as sheet, Image.open(jpeg.parent / "sheet.png") as stored:
        assert sheet.size == stored.size
        difference = np.abs(np.asarray(sheet, dtype=int) - np.asarray(stored, dtype=int))
    assert 0 < difference.mean() < 3  # JPEG, in the stored views


def test_reader_draws_what_the_ray_caster_draws(without, jpeg):
    reader, settings = Rendered(without), parse_settings(SMALL)
    stored = ThreeDIEBench(jpeg)
    for name in ("objects", "labels", "splits"):
        np.testing.assert_array_equal(getattr(reader, name), getattr(stored, name))
    assert (list(reader.classes), reader.views) == (list(stored.classes), stored.views)
    for index, (images, _) in enumerate(expected_images(settings)):
        reader.check(index)
        found = reader.read(index, 16)
        np.testing.assert_array_equal(found[0], images)
        np.testing.assert_array_equal(found[1], stored.read(index, 16)[1])
        assert (found[0].dtype, found[1].dtype) == (np.uint8, np.float32)
        for view, image in enumerate(images):
            resized = Image.fromarray(image).resize((12, 12), Image.Resampling.BILINEAR)
            np.testing.assert_array_equal(reader.read(index, 12)[0][view], np.asarray(resized))


@pytest.mark.faults
def test_wrong_layouts_are_refused_with_advice(without, jpeg, tmp_path):
    with pytest.raises(UserError, match=r"raw holds JPEG images; give its source the layout `threediebench`, or"):
        Rendered(jpeg)
    with pytest.raises(UserError, match=r"raw holds no images.* give the source the layout `rendered`, or a"):
        ThreeDIEBench(without)
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match=r"raw has no settings.json of the step that renders"):
        Rendered(tmp_path / "raw")
    shutil.copytree(without, tmp_path / "changed")
    stamp = tmp_path / "changed" / "settings.json"
    stamp.write_text(stamp.read_text().replace('"views": 3', '"views": 4'))
    with pytest.raises(UserError, match=r"settings.json is damaged"):
        Rendered(tmp_path / "changed")
    stamp.write_text('{"renderer": 0}')
    with pytest.raises(UserError, match=r"is not of this version of the renderer; delete"):
        Rendered(tmp_path / "changed")
    stamp.write_text('{"renderer": 1, "jpeg_quality": null, "views": 1}')
    with pytest.raises(UserError, match=r"views: 1 is less than the minimum of 2"):
        Rendered(tmp_path / "changed")


def test_planning_knows_which_readers_draw():
    drawing = list_plugins("data.readers", "DRAWS")
    for layout in list_plugins("data.readers", "open_reader"):
        module = importlib.import_module(f"workflow_scripts.data.readers.{layout}")
        found = isinstance(module.open_reader, type) and issubclass(module.open_reader, DrawingReader)
        assert found == (layout in drawing), layout


# --- packing ------------------------------------------------------------------------------------------------------


def test_packed_pixels_are_those_drawn(without, tmp_path, small_tasks):
    pack(without.parent / "raw.json", tmp_path / "one", "rendered", 16, workers=1)
    data = PackedDataset(tmp_path / "one")
    for index, (images, latents) in enumerate(expected_images(parse_settings(SMALL))):
        np.testing.assert_array_equal(data.inputs[index], images)
        np.testing.assert_array_equal(data.latents[index], latents.astype(np.float32))
    np.testing.assert_allclose(data.meta["mean"], (data.inputs[:6] / 255).mean(axis=(0, 1, 2, 3)), rtol=1e-12)
    data.verify()
    pack(without.parent / "raw.json", tmp_path / "two", "rendered", 16, workers=2, journal_seconds=0)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@pytest.mark.faults
def test_a_stopped_packing_goes_on(without, tmp_path, monkeypatch, small_tasks):
    pack(without.parent / "raw.json", tmp_path / "unbroken", "rendered", 16, workers=1)
    read, drawn = Rendered.read, []

    def stop(self, index, resolution):
        if len(drawn) == 5:
            raise RuntimeError("stopped")
        drawn.append(index)
        return read(self, index, resolution)

    with monkeypatch.context() as patch:
        patch.setattr(Rendered, "read", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            pack(without.parent / "raw.json", tmp_path / "packed", "rendered", 16, workers=1)
    monkeypatch.setattr(Rendered, "read", lambda *call: drawn.append(call[1]) or read(*call))
    pack(without.parent / "raw.json", tmp_path / "packed", "rendered", 16, workers=1)
    assert drawn == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9], "the task that was stopped is done again, no other"
    assert digests(tmp_path / "packed") == digests(tmp_path / "unbroken")


def test_a_gpu_is_used_by_threads_of_one_process(without, jpeg, tmp_path, threads, small_tasks, monkeypatch):
    """The bytes of one worker, packed and as files; more threads than memory allows are never started."""
    pack(without.parent / "raw.json", tmp_path / "one", "rendered", 16, workers=1)
    assert not threads
    pack(without.parent / "raw.json", tmp_path / "gpu", "rendered", 16, workers=8, device="cuda")
    assert 1 < len(threads) <= 4
    assert digests(tmp_path / "gpu") == digests(tmp_path / "one")
    threads.clear()
    monkeypatch.setattr("workflow_scripts.data.rendering.source.write_contact_sheet", lambda *_: None)
    raw = draw(tmp_path / "tree", {}, workers=3, device="cuda")
    assert 1 < len(threads) <= 3
    files = [path.relative_to(raw) for path in raw.rglob("*.*") if path.name != ".lock"]
    assert len(files) == 10 * 3 * 2 + 5
    for file in files:
        assert (raw / file).read_bytes() == (jpeg / file).read_bytes()


# --- devices ------------------------------------------------------------------------------------------------------


def test_every_tensor_is_on_the_device_of_the_latents():
    """On a GPU that is not there: operations on it compute nothing, but refuse tensors of a CPU beside its own."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    settings = parse_settings({**SMALL, "parts": 6})
    composite = make_object(make_classes(settings)[1], settings, list_objects(settings, "train")[1])
    assert 0 < composite.boxes.sum() < 6
    raycaster.make_camera.cache_clear()
    with FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True):
        radiance = raycaster.shade(composite, torch.zeros(5, 7, device="cuda"), 16, Lighting())
        with pytest.raises(RuntimeError, match="same device"):
            radiance + torch.zeros(256)
    raycaster.make_camera.cache_clear()
    assert (radiance.device.type, tuple(radiance.shape)) == ("cuda", (5, 3, 256))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_draws_what_a_cpu_draws():
    settings = parse_settings({**SMALL, "resolution": 64})
    composite = make_object(make_classes(settings)[0], settings, list_objects(settings, "train")[0])
    latents = sample_latents(settings, list_objects(settings, "train")[0])
    on_cpu, on_gpu = (render(composite, latents, 64, 2, device=device).astype(int) for device in ("cpu", "cuda"))
    assert (np.abs(on_cpu - on_gpu) <= 1).mean() > 0.999
    np.testing.assert_array_equal(on_gpu, render(composite, latents, 64, 2, device="cuda"))


# --- workflow -----------------------------------------------------------------------------------------------------


@pytest.mark.workflow
@pytest.mark.parametrize("quality", [None, 95])
def test_the_step_that_draws_asks_for_a_gpu(tmp_path, quality):
    """Without a GPU it runs on a CPU all the same."""
    layout = "threediebench" if quality else "rendered"
    made = {"smoke": {"layout": layout, "render": {"jpeg_quality": quality, "resolution": 16}}}
    until = ["--until", "pack", "--printshellcmds"] + (["--dry-run"] if quality else [])
    said = run_snakemake(tmp_path, f"sources={json.dumps(made)}", "datasets=[smoke]", *until)
    text = said.stdout + said.stderr
    for step, draws in (("render", bool(quality)), ("pack", not quality)):
        lines = r"\n(?:    .*\n)*.*"
        (job,) = re.findall(rf"rule {step}:.*{lines}source=smoke{lines}--workers.*", text)
        assert f"gpu={int(draws)}, gpu_share={100 * draws}, " in job
        assert f"--workers 2 --device {'auto' if draws else 'cpu'} " in job
    if not quality:
        data = PackedDataset(tmp_path / "results" / "contextssl" / "data" / "smoke" / "packed")
        assert data.inputs.shape == (48, 4, 32, 32, 3)
        assert not list((tmp_path / "results").rglob("*.jpg"))
