"""The leak of JPEG: statistics against slow references, and what is told of images whose traces are known."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_trees import make_cifar_tree, write_manifest
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from small_runs import make_small_evaluator, open_small

from workflow_scripts.data.packing import pack
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.jpeg_leak import (
    compare_directions,
    compare_sides,
    compare_top_and_bottom,
    measure_statistic,
    tell_apart,
)

pytestmark = pytest.mark.unit
SHARED = Path(__file__).parents[2] / "shared" / "data"
GROUPS = {"turn": {"kind": "rotation"}, "mirror": {"kind": "hflip"}, "gray": {"kind": "grayscale"}}
VIEWS = {"kind": "transformable", "groups": GROUPS}


@pytest.fixture
def channels():
    return np.random.default_rng(0).uniform(-128, 255, (3, 3, 16, 24)).astype(np.float32)


def test_frequencies_are_those_of_scipy(channels):
    i, j = np.triu_indices(8, 1)
    for image, found in zip(channels, compare_directions(channels), strict=True):
        blocks = [image[0, y : y + 8, x : x + 8] for y in (0, 8) for x in (0, 8, 16)]
        strength = np.mean([np.log(1 + np.abs(dctn(block, norm="ortho"))) for block in blocks], axis=0).T
        np.testing.assert_allclose(found, strength[i, j] - strength[j, i], atol=1e-4)


def test_columns_are_compared_with_their_mirror_images(channels):
    for image, found in zip(channels, compare_sides(channels), strict=True):
        expected = []
        for channel in image:
            bends = {p: [] for p in range(8)}
            for row in channel:
                for x in range(24):
                    left, right = row[max(x - 1, 0)], row[min(x + 1, 23)]
                    bends[x % 8].append(np.log(1 + abs(2 * row[x] - left - right)))
            expected += [np.mean(bends[p]) - np.mean(bends[7 - p]) for p in range(4)]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_transformation_changes_the_sign_of_its_statistic(channels):
    for change, statistic in (
        (lambda x: np.rot90(x, axes=(2, 3)), compare_directions),
        (lambda x: x[..., ::-1], compare_sides),
        (lambda x: x[:, :, ::-1], compare_top_and_bottom),
    ):
        own = statistic(channels)
        assert np.abs(own).min(axis=0).max() > 0.01  # so that the next line could fail
        np.testing.assert_allclose(statistic(np.ascontiguousarray(change(channels))), -own, atol=1e-4)


def test_images_are_cut_to_whole_blocks_and_read_as_jpeg_does():
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 21, 29), dtype=np.uint8)
    whole = [np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("YCbCr")) for image in images]
    for shift, down, across in ((0, 16, 24), (3, 8, 16), (8, 8, 16)):  # with any shift of one size
        found = measure_statistic(lambda channels: channels.reshape(len(channels), -1), images, shift)
        shown = found.reshape(2, 3, down, across).transpose(0, 2, 3, 1) + np.array([0, 128, 128])
        expected = [image[shift : shift + down, shift : shift + across].astype(float) for image in whole]
        np.testing.assert_allclose(shown, np.stack(expected), atol=1.01)  # Pillow rounds


def test_what_cannot_be_told_scores_half_and_what_can_all():
    random = np.random.default_rng(2)
    noise = random.normal(size=(4000, 5))
    assert tell_apart(np.zeros((9, 5)), np.zeros((7, 5))) == 50
    assert tell_apart(noise[:2000], noise[2000:]) == pytest.approx(50, abs=4.5)  # 4 standard errors
    assert tell_apart(*(part + np.array([0, 9, 0, 0, 0]) for part in np.split(noise, 2))) == 100
    # One statistic of mean 1 and deviation 1: the sign is right with probability Phi(1).
    assert tell_apart(noise[:2000, :1] + 1, noise[2000:, :1] + 1) == pytest.approx(84.1, abs=3.3)


def compress(images, subsampling=2):
    """Images (n, H, W, 3) as JPEG returns them; subsampling 2: colors at half the resolution, 0: at the full one."""
    result = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image).save(content, "JPEG", quality=75, subsampling=subsampling)
        result.append(np.asarray(Image.open(content)))
    return np.stack(result)


def test_the_grid_of_jpeg_tells_a_quarter_turn_and_off_it_a_flip():
    """Images without a direction of their own: what is told is told by JPEG."""
    noise = np.random.default_rng(3).normal(128, 200, (600, 40, 40, 3))
    # In floats: Pillow resizes across before it does down, rounds in between, and that tells a quarter turn, too.
    # Cut from larger ones: the filter leaves other noise at the border, which a crop has on one side only.
    smooth = gaussian_filter(noise, (0, 1, 1, 0))[:, 4:36, 4:36].clip(0, 255).round().astype(np.uint8)
    stored = compress(smooth)

    def score(statistic, shift, images=stored):
        values = measure_statistic(statistic, images.transpose(0, 3, 1, 2), shift)
        return tell_apart(values[:300], values[300:])

    assert score(compare_directions, 0) > 80
    assert score(compare_directions, 3) < 75 < score(compare_directions, 8)
    assert score(compare_directions, 0, smooth) < 62  # 50, and 4 standard errors
    for statistic in (compare_sides, compare_top_and_bottom):
        assert score(statistic, 0) < 62  # whole blocks are symmetric
        assert score(statistic, 8, compress(smooth, 0)) < 62
        # Colors are interpolated otherwise at the border, which this crop has on one side only.
        assert 62 < score(statistic, 8) < 80 < score(statistic, 3)


@pytest.mark.parametrize(
    ("name", "train", "test", "aligned"),
    [("cifar10_jpg.zip", "train/", "test/", 90), ("tiny-imagenet-50.zip", "/train/", "/val/", 97)],
)
def test_natural_images_stored_as_jpeg_tell_their_rotation(name, train, test, aligned):
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not beside the project")
    random, splits = np.random.default_rng(4), []
    with zipfile.ZipFile(SHARED / name) as archive:
        names = [entry for entry in archive.namelist() if entry.lower().endswith((".jpg", ".jpeg"))]
        for part in (train, test):
            chosen = random.choice([entry for entry in names if part in f"{entry}"], 500, replace=False)
            opened = [Image.open(io.BytesIO(archive.read(entry))).convert("RGB") for entry in chosen]
            splits.append(np.stack([np.asarray(image) for image in opened]).transpose(0, 3, 1, 2))
    stored, on, off = (
        tell_apart(*(measure_statistic(compare_directions, part, shift) for part in splits)) for shift in (0, 8, 3)
    )
    assert stored > aligned
    assert 55 < off < 82
    assert on > off + 10  # of crops of one size: what is JPEG's


@pytest.fixture(scope="module", params=[16, 8])
def side(request):
    return request.param


@pytest.fixture(scope="module")
def packed(side, unsynced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("leak")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=6, test=2))
    pack(manifest, folder / "packed", "cifar10", side, workers=1)
    return folder / "packed"


def test_the_constant_control_is_where_data_are_measured(side, packed, tmp_path):
    run = open_small(tmp_path, "constant", VIEWS, packed)
    if side == 8:
        assert make_evaluator("leak", {}).skip(run) == "images of 8 pixels have too few blocks of JPEG; it needs 16"
        return
    rows = list(make_evaluator("leak", {}).rows(run))
    found = {(row["task"], row["level"]): (row["value"], row["n"]) for row in rows}
    assert len(rows) == len(found)
    assert found.keys() == {(task, level) for task in ("turn", "mirror") for level in (0, 3, 8)}
    assert {(r["representation"], r["condition"], r["metric"]) for r in rows} == {
        ("pixels", "grid shift", "leak_accuracy")
    }
    stored = np.load(packed / "inputs.npy")[:, 0].transpose(0, 3, 1, 2)
    train, test = (measure_statistic(compare_directions, part, 0) for part in (stored[:60], stored[60:]))
    assert found["turn", 0] == (tell_apart(train, test), 20)
    assert {row["n"] for row in make_evaluator("leak", {"objects": 7}).rows(run)} == {7}
    assert {row["task"] for row in make_evaluator("leak", {"groups": ["mirror"]}).rows(run)} == {"mirror"}
    assert make_evaluator("leak", {"groups": ["gray"]}).skip(run) == "the data have neither quarter turns nor flips"


def test_other_runs_are_told_why_not(packed, tmp_path):
    evaluator = make_small_evaluator("leak")
    run = open_small(tmp_path / "random", "random", VIEWS, packed)
    assert evaluator.skip(run).startswith("it is a property of the data")
    run = open_small(tmp_path / "plain", "constant", {"kind": "plain"}, packed)
    assert evaluator.skip(run) == "the data have no transformations that methods apply"
