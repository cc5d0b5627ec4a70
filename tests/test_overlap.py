"""Which test images are training images: counted against a slow loop."""

import numpy as np
import pytest

from workflow_scripts.data.overlap import digest_images, find_overlap
from workflow_scripts.data.readers.base import TEST, TRAIN

pytestmark = pytest.mark.unit


def test_images_are_told_by_their_content(random):
    images = random.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    images[3] = images[1]
    digests = digest_images(images)
    assert (digests.shape, digests.dtype) == ((5,), np.uint64)
    assert len(set(digests.tolist())) == 4
    assert digests[3] == digests[1]
    np.testing.assert_array_equal(digest_images(images.transpose(0, 2, 1, 3)[:, ::-1])[1:2], digest_images(
        np.ascontiguousarray(images[1:2].transpose(0, 2, 1, 3)[:, ::-1])
    ))  # fmt: skip


@pytest.mark.parametrize("values", [5, 40, 1000])
def test_the_count_is_that_of_a_slow_loop(random, values):
    digests = random.integers(0, values, (30, 3)).astype(np.uint64)
    splits = np.repeat([TRAIN, TEST], [20, 10]).astype(np.uint8)
    train = digests[:20].ravel().tolist()
    shared = [(i, v) for i in range(20, 30) for v in range(3) if digests[i, v] in train]
    overlap = find_overlap(digests, splits)
    assert (overlap.images, overlap.of) == (len(shared), 30)
    assert overlap.is_too_large == (len(shared) > 0.3)
    if shared:
        test, like = overlap.pair
        assert test == shared[0]
        assert digests[like] == digests[test]
        assert like[0] < 20
        known = {digests[place] for place in shared}
        concerned = {i for i, _ in shared} | {i for i in range(20) if known & set(digests[i])}
        assert set(overlap.objects.tolist()) == concerned
    else:
        assert overlap.pair is None


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_one_split_alone_shares_nothing(split):
    overlap = find_overlap(np.zeros((4, 2), dtype=np.uint64), np.full(4, split, dtype=np.uint8))
    assert (overlap.images, overlap.is_too_large) == (0, False)
    assert str(overlap) == "no test image is a training image"
