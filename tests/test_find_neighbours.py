"""What predictions retrieve for a few queries: against a loop, and the same queries for every method."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from workflow_scripts.data.latents import ViewActions
from workflow_scripts.evaluation.evaluators.neighbours import EVALUATOR, QUERIES, choose_predictions, draw_queries
from workflow_scripts.evaluation.run import MeasuredArray, Prediction
from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.support.settings import NoSettings

pytestmark = pytest.mark.golden
OBJECTS, VIEWS = 8, 5
CONTEXTS = [(kind, length) for kind in ("rotation", "color") for length in (14, 0)]
PREDICTIONS = {
    "a method without": [],
    "a predictor": [Prediction(MeasuredArray("rho", "rho"), "g")],
    "a method with contexts": [
        Prediction(MeasuredArray("zr", f"zr.{kind}-{n}", CONTEXT + kind, n), f"z+.{kind}-{n}", kind, n)
        for kind, n in CONTEXTS
    ],
}


@pytest.fixture
def latents(random):
    """Euler angles, floor hue, light's theta and phi, light hue of every view."""
    return random.uniform(0, 0.7, size=(OBJECTS, VIEWS, 7)).astype(np.float32)


def make_run(predictions, latents, random, actions):
    """What the evaluator sees of a run with random embeddings and the true states, and these arrays."""
    names = [name for p in predictions for name in (p.place.array, p.candidates)]
    values = {name: random.normal(size=(OBJECTS, VIEWS, 4)).astype(np.float32) for name in names}
    values["states"] = actions.states(latents).numpy()
    views = {"kind": "stored", "hue": actions.hue}
    run = SimpleNamespace(space=actions.space(), settings={"dataset": {"views": views}}, seed=3, splits=["test"])
    run.read, run.predictions, run.views = lambda split, name: values[name], lambda: predictions, VIEWS
    return run, values


@pytest.mark.parametrize("hue", ["linear", "circular"])
def test_neighbours_match_a_loop(latents, random, hue):
    evaluator, seen = EVALUATOR(NoSettings()), {}
    for name, predictions in PREDICTIONS.items():
        run, values = make_run(predictions, latents, random, ViewActions(hue == "linear", hue))
        assert bool(evaluator.skip(run)) == (not predictions)
        entries = seen[name] = evaluator.exhibit(run)
        assert entries == json.loads(json.dumps(entries))
        for entry in entries:
            predicted, candidates = "rho", "g"
            if entry["condition"]:
                assert entry["level"] == 14
                kind = entry["condition"].removeprefix(CONTEXT)
                predicted, candidates = f"zr.{kind}-14", f"z+.{kind}-14"
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
    queries = {(e["object"], e["source"], e["target"]) for entries in seen.values() for e in entries}
    assert [len(entries) for entries in seen.values()] == [0, QUERIES, 2 * QUERIES]
    assert len(queries) == len({query[0] for query in queries}) == QUERIES
    assert all(source == 0 != target for _, source, target in queries)


def test_queries_are_few_and_follow_the_seed():
    first, again, other = (draw_queries(100, 50, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(draw_queries(4, 50, 0)[0]) == 4
    assert len(draw_queries(4, 1, 0)[0]) == 0


def test_the_longest_context_of_each_kind_counts():
    lengths = [("rotation", 14), ("rotation", 126), ("color", 2)]
    predictions = [Prediction(MeasuredArray("zr", "", CONTEXT + kind, n), "", kind, n) for kind, n in lengths]
    assert [(p.context, p.length) for p in choose_predictions(predictions)] == [("rotation", 126), ("color", 2)]


def test_views_that_are_made_anew_have_no_image_to_show(latents, random):
    run, _ = make_run(PREDICTIONS["a predictor"], latents, random, ViewActions())
    run.settings["dataset"]["views"]["kind"] = "augmented"
    assert "no image" in EVALUATOR(NoSettings()).skip(run)
