"""Losses against slow loops written from their formulas."""

import math

import pytest
import torch

from workflow_scripts.methods.losses import covariance_penalty, info_nce, variance_hinge

pytestmark = pytest.mark.golden


def slow_info_nce(u, v, temperature, minimum=None):
    rows = [*u.double(), *v.double()]
    total = 0.0
    for i, row in enumerate(rows):
        logits = {}
        for j, other in enumerate(rows):
            if j != i:
                cosine = float(row @ other / (row.norm() * other.norm()))
                logits[j] = (max(cosine, minimum) if minimum is not None else cosine) / temperature
        positive = (i + len(u)) % len(rows)
        total += math.log(sum(math.exp(x) for x in logits.values())) - logits[positive]
    return total / len(rows)


@pytest.mark.parametrize("minimum", [None, 1e-7])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_info_nce_matches_a_loop(minimum, temperature):
    torch.manual_seed(0)
    u, v = torch.randn(7, 5), torch.randn(7, 5)
    assert float(info_nce(u, v, temperature, minimum)) == pytest.approx(slow_info_nce(u, v, temperature, minimum), 1e-5)


def test_info_nce_of_orthogonal_pairs_by_hand():
    u = torch.eye(2)  # two pairs: each row has one positive of cosine 1 and two negatives of cosine 0
    expected = -math.log(math.e / (math.e + 2))
    assert float(info_nce(u, u, 1.0)) == pytest.approx(expected, 1e-6)


def test_vicreg_terms_match_loops():
    torch.manual_seed(1)
    z = torch.randn(9, 4) * torch.tensor([0.3, 0.9, 1.0, 2.0])
    n, d = z.shape
    means = [sum(float(z[i, k]) for i in range(n)) / n for k in range(d)]
    cov = [
        [sum((float(z[i, a]) - means[a]) * (float(z[i, b]) - means[b]) for i in range(n)) / (n - 1) for b in range(d)]
        for a in range(d)
    ]
    variance = sum(max(0.0, 1 - math.sqrt(cov[k][k] + 1e-4)) for k in range(d)) / d
    penalty = sum(cov[a][b] ** 2 for a in range(d) for b in range(d) if a != b) / d
    assert float(variance_hinge(z)) == pytest.approx(variance, 1e-5)
    assert float(covariance_penalty(z)) == pytest.approx(penalty, 1e-5)


@pytest.mark.parametrize("loss", [lambda z: info_nce(z, z.flip(1), 0.1), covariance_penalty])
def test_losses_stay_in_float32_under_autocast(loss):
    z = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (z @ z.T).dtype == torch.bfloat16  # what this guards against
        under = loss(z)
    assert torch.equal(under, loss(z))
