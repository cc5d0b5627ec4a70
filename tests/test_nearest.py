"""Nearest images among changed ones: against a loop, what ties count, and what an embedding that tells all scores."""

import numpy as np
import pytest
import torch

from workflow_scripts.evaluation.nearest import find_nearest, measure_agreement, normalise

pytestmark = pytest.mark.golden
VALUES, IMAGES, WIDTH = 4, 7, 5


def unit(embeddings):
    return normalise(torch.from_numpy(embeddings))


def order_candidates(embeddings, image, value):
    """Candidates (cosine, image, value) of a query, the nearest first, one by one."""
    query, found = embeddings[value, image], []
    for own in range(VALUES):
        for other in range(IMAGES):
            if other != image:
                vector = embeddings[own, other]
                found.append((float(query @ vector / np.linalg.norm(query) / np.linalg.norm(vector)), other, own))
    return sorted(found, key=lambda entry: -entry[0])


@pytest.fixture
def embeddings():
    return np.random.default_rng(3).normal(size=(VALUES, IMAGES, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 5, 100])
def test_agreement_matches_a_loop(embeddings, count):
    queries, agreeing = [4, 0, 2], []
    for value in range(VALUES):
        for image in queries:
            nearest = order_candidates(embeddings.astype(np.float64), image, value)[:count]
            agreeing.append(np.mean([own == value for _, _, own in nearest]))
    found = measure_agreement(unit(embeddings), torch.tensor(queries), count)
    assert found == pytest.approx(100 * np.mean(agreeing), abs=1e-9)


def test_the_nearest_match_a_loop(embeddings):
    found = find_nearest(unit(embeddings), torch.tensor([5, 1]), 2, 6)
    for own, image in zip(found, (5, 1), strict=True):
        wanted = order_candidates(embeddings.astype(np.float64), image, 2)[:6]
        assert [entry[:2] for entry in own] == [entry[1:] for entry in wanted]
        np.testing.assert_allclose([entry[2] for entry in own], [entry[0] for entry in wanted], atol=1e-8)


def test_what_tells_nothing_scores_chance_and_what_tells_all_scores_all(embeddings):
    same = np.repeat(embeddings[:1], VALUES, axis=0)  # of each image alike in all values
    told = np.eye(VALUES, dtype=np.float32)[:, None] + 0.01 * embeddings[..., :VALUES]
    queries = torch.arange(IMAGES)
    for count in (1, 3, 10):
        for blind in (np.ones_like(embeddings), np.zeros_like(embeddings), same):
            assert measure_agreement(unit(blind), queries, count) == pytest.approx(25, abs=1e-9)
    assert measure_agreement(unit(told), queries, IMAGES - 1) == 100
    # Beyond all others of its own value there are only those of other values.
    assert measure_agreement(unit(told), queries, 2 * (IMAGES - 1)) == 50
