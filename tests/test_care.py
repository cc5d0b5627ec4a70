"""CARE's loss against a slow loop, and that images of a chunk share their two transformations."""

from collections import Counter

import pytest
import torch
from torch.nn import functional as F
from watchable import SPACE, list_gradients, make_batch, make_watched

from workflow_scripts.methods.care import equivariance_loss
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden


def slow_loss(first, second, chunks):
    """The formula, image by image."""
    size, total = len(first) // chunks, 0.0
    for begin in range(0, len(first), size):
        for i in range(begin, begin + size):
            for j in range(begin, begin + size):
                if i != j:
                    change = F.cosine_similarity(first[i], first[j], 0) - F.cosine_similarity(second[i], second[j], 0)
                    total += 2 * float(change) ** 2 / (size * chunks)
    return total


@pytest.mark.parametrize(("count", "chunks"), [(12, 3), (8, 1), (6, 6)])
@pytest.mark.parametrize("seed", range(2))
def test_the_loss_matches_a_slow_loop(count, chunks, seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, count, 7, generator=generator).double()
    expected = slow_loss(first, second, chunks)
    assert (expected > 0) == (chunks < count)  # of one image alone there is nothing to compare
    assert float(equivariance_loss(first, second, chunks)) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_it_is_zero_where_each_chunk_is_turned_as_a_whole():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 5, 4, generator=generator)
    turns = torch.linalg.qr(torch.randn(3, 4, 4, generator=generator)).Q
    second = 2.5 * first @ turns  # lengths do not count
    assert float(equivariance_loss(first.flatten(0, 1), second.flatten(0, 1), 3)) < 1e-10
    # The same images as a single chunk were not turned alike.
    assert float(equivariance_loss(first.flatten(0, 1), second.flatten(0, 1), 1)) > 0.1


def watch_parameters(method, monkeypatch):
    """What the space's `apply` is called with."""
    seen, apply = [], type(SPACE).apply

    def look(space, group, images, parameters):
        seen.append((images, parameters))
        return apply(space, group, images, parameters)

    monkeypatch.setattr(type(SPACE), "apply", look)
    return seen


@pytest.mark.parametrize("group", ["rotation", "kernel_blur", "hflip"])
def test_the_images_of_a_chunk_share_two_transformations(group, monkeypatch):
    method, batch = make_watched("care", group, chunks=4, care_weight=0.5), make_batch(12)
    seen = watch_parameters(method, monkeypatch)
    found = method.loss(batch, torch.Generator().manual_seed(3))
    ((images, parameters),) = seen
    assert torch.equal(images, batch.views[0].repeat(2, 1, 1, 1))
    first, second = parameters.unflatten(0, (2, 4, 3))  # of each chunk of 3
    for chunk in (*first, *second):
        assert torch.equal(chunk, chunk[:1].expand_as(chunk))  # the hidden ones, too
    assert (first[:, 0, 0] != second[:, 0, 0]).all()
    features = method.encoder(SPACE.apply(group, images, parameters))
    expected = {
        "pretext": F.cross_entropy(method.head(features), parameters[:, 0].long()),
        "class": F.cross_entropy(method.classifier(features), batch.labels.repeat(2)),
        "equivariance": torch.tensor(0.5 * slow_loss(features[:12], features[12:], 4)),
    }
    assert found.minimised.keys() == expected.keys()
    for part, value in expected.items():
        torch.testing.assert_close(found.minimised[part], value, atol=1e-5, rtol=1e-4)
    reached = list_gradients(method.encoder, found.minimised["equivariance"])
    assert all(gradient.abs().max() > 0 for gradient in reached.values())


def test_all_pairs_of_two_values_are_drawn_alike():
    method, generator = make_watched("care", "rotation"), torch.Generator().manual_seed(0)
    pairs = [method.draw_pairs(generator)[..., 0] for _ in range(300)]
    counts = Counter(tuple(pair) for drawn in pairs for pair in drawn.T.int().tolist())
    assert len(counts) == 12
    expected = 300 * 8 / 12
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 31.3  # chi-square, 11 degrees, p = .001
    assert torch.equal(
        *(method.draw_pairs(torch.Generator().manual_seed(4)) for _ in range(2)),
    )


@pytest.mark.faults
def test_a_batch_that_does_not_divide_is_refused_and_the_last_one_is_cut():
    method = make_watched("care", "rotation", chunks=5)
    assert method.multiple == 10  # what is left of an epoch has two images a chunk
    for count in (12, 5):
        with pytest.raises(UserError, match=f"a batch of {count} images does not divide into 5 chunks .*two images or"):
            method.loss(make_batch(count), torch.Generator())
