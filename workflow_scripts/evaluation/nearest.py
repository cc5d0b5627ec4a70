"""Nearest images among changed ones: which they are, and whether they were changed alike.

Every image is there in each of V values of one change, such as its quarter turns. Candidates are all images but the
query's own, in all values: an embedding that tells nothing of the value has neighbours of each value alike, 1 in V.
All functions but `normalise` take what it returns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 128  # queries at a time
DIGITS = 9  # decimals of cosines that count: images that an embedding does not tell apart tie

Neighbour = tuple[int, int, float]  # image, value, cosine


def measure_agreement(embeddings: Tensor, queries: Tensor, count: int) -> float:
    """Return how many [percent] of the `count` nearest candidates have the query's value, as a mean over queries.

    embeddings: (V, n, D), of n images in V values. queries: (q,), images, each of which asks in all values. Of
    candidates that are equally near as many count as their order leads one to expect.
    """
    values, wanted = len(embeddings), min(count, len(embeddings) * (embeddings.shape[1] - 1))
    agreeing = 0.0
    for value, chosen in ((value, chosen) for value in range(values) for chosen in queries.split(CHUNK)):
        cosines = compute_cosines(embeddings, chosen, value)
        last = cosines.flatten(1).topk(wanted).values[:, -1:, None]
        nearer, as_near = (found.sum(dim=2).double() for found in (cosines > last, cosines == last))  # (c, V)
        room = wanted - nearer.sum(dim=1)
        expected = nearer[:, value] + room * as_near[:, value] / as_near.sum(dim=1)
        agreeing += float(expected.sum()) / wanted
    return 100 * agreeing / (values * len(queries))


def find_nearest(embeddings: Tensor, queries: Tensor, value: int, count: int) -> list[list[Neighbour]]:
    """Return the `count` nearest candidates of each query, the nearest first; of equally near ones the first.

    embeddings: (V, n, D). queries: (q,), images, which ask in one value.
    """
    images = embeddings.shape[1]
    cosines = compute_cosines(embeddings, queries, value).flatten(1).cpu()
    order = cosines.argsort(dim=1, descending=True, stable=True)[:, : min(count, len(embeddings) * (images - 1))]
    found = zip(order.tolist(), cosines.gather(1, order).tolist(), strict=True)
    return [[(place % images, place // images, cosine) for place, cosine in zip(*own, strict=True)] for own in found]


def normalise(embeddings: Tensor) -> Tensor:
    """Return embeddings (..., D) at length 1, in double precision, so that equal ones have equal cosines."""
    return F.normalize(embeddings.double(), dim=-1)


def compute_cosines(embeddings: Tensor, queries: Tensor, value: int) -> Tensor:
    """Return the cosines (q, V, n) of queries, in one value, with all candidates; -inf with the query's own image.

    embeddings: (V, n, D).
    """
    cosines = (embeddings[value, queries] @ embeddings.flatten(0, 1).T).round(decimals=DIGITS)
    cosines = cosines.unflatten(1, embeddings.shape[:2])
    cosines[torch.arange(len(queries), device=queries.device), :, queries] = float("-inf")
    return cosines
