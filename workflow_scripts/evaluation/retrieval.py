"""Retrieval: does the prediction for an action find the view that the action leads to?

For each object the query i is the prediction from view 0 under the true action to view i; the candidates
are the embeddings of all its V views, ranked by cosine (Gupta et al. 2024, section 4; Garrido
et al. 2023, section 4).
"""

from __future__ import annotations

import numpy as np

CHUNK = 256  # objects at a time


def retrieve(predicted: np.ndarray, candidates: np.ndarray) -> dict[str, float]:
    """Return MRR, Hit@1 and Hit@5 over all objects and views. predicted, candidates: (n, V, O).

    Candidates that are equally near share their ranks: the numbers are expectations over their order, so that
    embeddings without any information score chance.
    """
    above, tied = [], []
    for start in range(0, len(predicted), CHUNK):
        chunk = slice(start, start + CHUNK)
        nearer, as_near = count_nearer(compute_cosines(predicted[chunk], candidates[chunk]))
        above.append(nearer.ravel())
        tied.append(as_near.ravel())
    return expect(np.concatenate(above), np.concatenate(tied))


def compute_cosines(predicted: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return the cosines (n, V, V) of an object's queries with its candidates. predicted, candidates: (n, V, O)."""
    queries, views = (_normalise(np.asarray(a)) for a in (predicted, candidates))
    cosines: np.ndarray = queries @ views.swapaxes(1, 2)
    return cosines


def count_nearer(cosines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for cosines (n, V, V), how many candidates are nearer than the right one, and as near, itself included.

    Both (n, V); the right candidate of query i is i.
    """
    own = np.diagonal(cosines, axis1=1, axis2=2)[:, :, None]
    return (cosines > own).sum(axis=2), (cosines == own).sum(axis=2)


def expect(above: np.ndarray, tied: np.ndarray) -> dict[str, float]:
    """Return the expected metrics where `above` candidates are nearer, and `tied`, the right one included, as near."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, above.max() + tied.max() + 1))])
    metrics = {"mrr": (harmonic[above + tied] - harmonic[above]) / tied}
    for k in (1, 5):
        metrics[f"hit@{k}"] = np.clip(k - above, 0, tied) / tied
    return {name: float(values.mean()) for name, values in metrics.items()}


def _normalise(z: np.ndarray) -> np.ndarray:
    z = z.astype(np.float32) if z.dtype == np.float16 else z  # numpy would compute in half precision, too
    length: np.ndarray = np.linalg.norm(z, axis=-1, keepdims=True)
    return z / np.maximum(length, 1e-12)
