"""Nearest neighbours: against a loop, the same queries for every method, and the figure of what is there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.spatial.transform import Rotation

from workflow_scripts.data.actions import make_view_actions
from workflow_scripts.data.packed import ARRAYS
from workflow_scripts.evaluation.neighbours import QUERIES, draw_queries, list_neighbours, list_predictions
from workflow_scripts.reporting.neighbours import plot_neighbours
from workflow_scripts.reporting.plots import save_figure
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_json

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
OBJECTS, TRAIN, VIEWS = 8, 3, 5  # of the test split, before it, of each
NAMES = {
    "simclr": ["h"],
    "equimod@color": ["h", "g", "rho"],
    "contextssl": [f"{z}.{kind}-{n}" for z in ("z+", "zr") for kind in ("rotation", "color") for n in (0, 14)],
}


@pytest.fixture
def latents(random):
    """Euler angles, floor hue, light's theta and phi, light hue of every view."""
    return random.uniform(0, 0.7, size=(OBJECTS, VIEWS, 7)).astype(np.float32)


GROUPS = ["rotation", "color"]


def embed(folder, arrays, latents, random, actions):
    """Write random embeddings and the true states as an evaluation does; return them with the manifest."""
    folder.mkdir()
    values = {name: random.normal(size=(OBJECTS, VIEWS, 4)).astype(np.float32) for name in arrays}
    values["states"] = make_view_actions({"actions": actions, "groups": GROUPS}).states(latents).numpy()
    for name, value in values.items():
        np.save(folder / f"test.{name}.npy", value)
    contexts = [name.removeprefix("z+.") for name in arrays if name.startswith("z+.")]
    return values, {"arrays": sorted(values), "contexts": contexts}


@pytest.mark.parametrize("hue", ["linear", "circular"])
def test_neighbours_match_a_loop(latents, random, tmp_path, hue):
    actions = {"canonical_quaternions": hue == "linear", "hue": hue}
    seen = {}
    for run, arrays in NAMES.items():
        values, manifest = embed(tmp_path / run, arrays, latents, random, actions)
        entries = list_neighbours(tmp_path / run, manifest, {"actions": actions, "groups": GROUPS}, seed=3)
        seen[run] = entries
        assert entries == json.loads(json.dumps(entries))
        for entry in entries:
            predicted, candidates = "rho", "g"
            if entry["context"]:
                assert entry["length"] == 14
                predicted, candidates = (f"{z}.{entry['context']}-14" for z in ("zr", "z+"))
            query, views = values[predicted][entry["object"], entry["target"]], values[candidates][entry["object"]]
            cosines = [float(query @ v / np.linalg.norm(query) / np.linalg.norm(v)) for v in views]
            order = sorted(range(VIEWS), key=lambda view: -cosines[view])
            assert entry["retrieved"] == order[0]
            assert entry["rank"] == order.index(entry["target"]) + 1
            assert entry["cosine"] == pytest.approx(max(cosines), abs=1e-5)
            first, second = (latents[entry["object"], entry[view]] for view in ("source", "target"))
            turned = Rotation.from_euler("xyz", first[:3]).inv() * Rotation.from_euler("xyz", second[:3])
            assert entry["rotation_degrees"] == pytest.approx(np.degrees(turned.magnitude()), abs=1e-2)
            changes = [entry["floor_hue_turns"], entry["light_hue_turns"]]
            wanted = (second - first)[[3, 6]]
            assert changes == pytest.approx(wanted if hue == "linear" else (wanted + 0.5) % 1 - 0.5, abs=1e-5)
    assert seen["simclr"] == []
    queries = {(e["object"], e["source"], e["target"]) for entries in seen.values() for e in entries}
    assert [len(seen[run]) for run in NAMES] == [0, QUERIES, 2 * QUERIES]
    assert len(queries) == len({query[0] for query in queries}) == QUERIES
    assert all(source == 0 != target for _, source, target in queries)


def test_queries_are_few_and_follow_the_seed():
    first, again, other = (draw_queries(100, 50, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(draw_queries(4, 50, 0)[0]) == 4
    assert len(draw_queries(4, 1, 0)[0]) == 0


def test_only_true_contexts_predict_and_the_longest_of_each_counts():
    contexts = ["rotation-14", "rotation-126", "color-2", "rotation+shuffled-14", "zero-action-14"]
    arrays = ["h", "zr.rotation-14", "zr.rotation-126", "zr.color-2"]
    found = list_predictions(arrays, contexts)
    assert [(kind, length) for _, kind, length, *_ in found] == [("rotation", 126), ("color", 2)]
    assert found[0][3:] == ("zr.rotation-126", "z+.rotation-126")


@pytest.fixture
def stored(latents, random, tmp_path):
    """rows/neighbours.json of three runs and one that was deleted, and the packed images."""
    files = []
    for run, arrays in NAMES.items():
        folder = tmp_path / "results" / "toy" / run / "seed0"
        _, manifest = embed(tmp_path / run, arrays, latents, random, {"hue": "linear"})
        files.append(folder / "rows" / "neighbours.json")
        found = list_neighbours(tmp_path / run, manifest, {"actions": {}, "groups": GROUPS}, 0)
        write_json(files[-1], {"neighbours": found})
    files.append(tmp_path / "results" / "toy" / "sie@rotation" / "seed0" / "rows" / "neighbours.json")
    packed = tmp_path / "results" / "data" / "toy" / "packed"
    packed.mkdir(parents=True)
    total = TRAIN + OBJECTS
    arrays = {
        "inputs": random.integers(0, 256, size=(total, VIEWS, 8, 8, 3), dtype=np.uint8),
        "latents": np.concatenate([latents[:TRAIN], latents]),
        "labels": np.zeros(total, dtype=np.int64),
        "splits": np.repeat(np.array([0, 1], dtype=np.uint8), (TRAIN, OBJECTS)),
        "objects": np.array([f"/toy/{i}/" for i in range(total)]),
    }
    for name in ARRAYS:
        np.save(packed / f"{name}.npy", arrays[name])
    facts = {"source": "toy", "description": "", "layout": "3diebench", "mean": [0] * 3, "std": [1] * 3, "sha256": {}}
    facts |= {
        "caveat": "embedded data, small.",
        "resolution": 8,
        "columns": [],
        "counts": [],
        "views": VIEWS,
        "classes": ["toy"],
    }
    facts |= {"latents": list("abcdefg"), "objects": {"train": TRAIN, "val": OBJECTS}, "settings_hash": ""}
    write_json(packed / "meta.json", facts)
    return {"files": files, "packed": packed, "dataset": "toy", "caveat": facts["caveat"]}, arrays["inputs"][TRAIN:]


def texts(figure):
    """Every line of text in a figure, joined."""
    artists = [*figure.texts, *(text for axis in figure.axes for text in (axis.title, axis.xaxis.label, *axis.texts))]
    plt.close(figure)
    return " ".join(" ".join(artist.get_text() for artist in artists).split())


def test_the_figure_shows_what_was_retrieved(stored):
    given, images = stored
    figure = plot_neighbours(**given)
    shown = texts(figure)
    for label in ("source", "target", "equimod color", "contextssl rotation context 14 tokens", "color context"):
        assert label in shown
    assert "toy: embedded data, small. " in shown
    assert "absent: sie@rotation." in shown
    assert "simclr" not in shown  # it predicts nothing
    entries = read_json(given["files"][1])["neighbours"]
    for row, entry in enumerate(entries):
        axes = figure.axes[6 * row : 6 * row + 6]
        for axis, view in ((axes[0], entry["source"]), (axes[2], entry["target"]), (axes[3], entry["retrieved"])):
            assert np.array_equal(axis.images[0].get_array(), images[entry["object"], view])
        assert f"rotation {entry['rotation_degrees']:.0f}°" in axes[1].texts[0].get_text()
        assert axes[3].get_xlabel() == f"rank {entry['rank']:g} of {VIEWS}"
        assert axes[3].spines["top"].get_visible() == (entry["retrieved"] == entry["target"])


def test_same_neighbours_same_bytes(stored, tmp_path):
    for name in ("first", "second"):
        save_figure(plot_neighbours(**stored[0]), tmp_path / name)
    for ending in ("png", "pdf"):
        assert (tmp_path / f"first.{ending}").read_bytes() == (tmp_path / f"second.{ending}").read_bytes()


def test_what_is_absent_is_said_in_the_figure(stored):
    given = stored[0]
    nothing = texts(plot_neighbours(**{**given, "files": given["files"][3:]}))
    assert "no stored neighbours of a method that predicts" in nothing
    assert "absent: sie@rotation." in nothing
    assert "Nothing to draw" in texts(plot_neighbours(**{**given, "files": []}))
    (given["packed"] / "inputs.npy").unlink()
    assert "inputs.npy is missing" in texts(plot_neighbours(**given))


def test_variants_are_drawn_only_without_their_default(stored):
    given = stored[0]
    variant = Path(str(given["files"][2]).replace("contextssl", "contextssl~mask0"))
    variant.parent.mkdir(parents=True)
    shutil.copy(given["files"][2], variant)
    both = texts(plot_neighbours(**{**given, "files": [*given["files"], variant]}))
    assert "~mask0" not in both
    assert "Variants of contextssl are left out." in both
    assert "~mask0" in texts(plot_neighbours(**{**given, "files": [given["files"][1], variant]}))


def test_neighbours_of_other_data_are_refused(stored):
    given = stored[0]
    entries = read_json(given["files"][1])["neighbours"]
    write_json(given["files"][1], {"neighbours": [{**entry, "object": OBJECTS} for entry in entries]})
    with pytest.raises(UserError, match="are not of the data in"):
        plot_neighbours(**given)


def test_drawing_imports_no_torch():
    code = "import sys; sys.modules['torch'] = None; import workflow_scripts.reporting.neighbours"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
