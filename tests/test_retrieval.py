"""Retrieval against a slow ranking, and its chance level."""

import numpy as np
import pytest

from workflow_scripts.evaluation.retrieval import CHUNK, retrieve

pytestmark = pytest.mark.golden


def slow_retrieve(predicted, candidates):
    """Sort the candidates of each query by cosine and look up the place of the right one."""
    places = []
    for queries, views in zip(predicted, candidates, strict=True):
        for i, query in enumerate(queries):
            cosines = [query @ view / (np.linalg.norm(query) * np.linalg.norm(view)) for view in views]
            places.append(sorted(range(len(views)), key=lambda j: -cosines[j]).index(i) + 1)
    places = np.array(places)
    return {"mrr": (1 / places).mean(), "hit@1": (places == 1).mean(), "hit@5": (places <= 5).mean()}


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
def test_retrieval_matches_a_slow_ranking(noise):
    random = np.random.default_rng(0)
    candidates = random.normal(size=(CHUNK + 3, 9, 4))
    predicted = candidates + noise * random.normal(size=candidates.shape)
    assert retrieve(predicted, candidates) == pytest.approx(slow_retrieve(predicted, candidates))


def test_perfect_predictions_are_found():
    z = np.random.default_rng(1).normal(size=(5, 50, 8)).astype(np.float32)
    assert retrieve(3 * z, z) == {"mrr": 1.0, "hit@1": 1.0, "hit@5": 1.0}


def test_embeddings_without_information_score_chance():
    """The paper's chance: .090 / .02 / .10 among 50 candidates, whether all are tied or random."""
    same = np.ones((20, 50, 3))
    expected = {"mrr": sum(1 / k for k in range(1, 51)) / 50, "hit@1": 0.02, "hit@5": 0.1}
    assert retrieve(same, same) == pytest.approx(expected)
    assert expected["mrr"] == pytest.approx(0.090, abs=5e-4)
    random = np.random.default_rng(2)
    drawn = retrieve(random.normal(size=(400, 50, 8)), random.normal(size=(400, 50, 8)))
    assert drawn == pytest.approx(expected, abs=0.006)
