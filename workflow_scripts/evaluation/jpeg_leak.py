"""How well traces of JPEG tell whether an image was turned or mirrored: a linear classifier that sees nothing else.

JPEG cuts an image into blocks of 8 x 8 pixels and rounds their frequencies, across and down differently (its usual
tables of step sizes are not symmetric). Where images are stored as JPEG at their own size, grid and rounding stay
visible: a network may tell a transformation by them and learn nothing about what an image shows.

A statistic here is antisymmetric: the transformation, done to an image, changes its sign. Each image counts twice, as
stored and transformed, so guessing scores 50 %; the classifier has no intercept.

Images are cut to whole blocks, from their top left corner on or from `shift` pixels further. Unless the shift is one of
whole blocks, the cut blocks then lie across the grid. Natural images are not symmetric either, and more of an image
tells more: JPEG's own part is what crops of one size tell more, or less, on the grid than off it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 8  # pixels
SMALLEST = 2 * BLOCK  # side [pixels] of images that are still whole blocks where they are shifted
CHUNK = 1000  # images at a time
# Y, Cb and Cr of R, G and B, as JPEG has them.
COLORS = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=np.float32)

Statistic = Callable[[np.ndarray], np.ndarray]  # of channels (n, 3, H, W) in grey levels: (n, S)


def make_cosines() -> np.ndarray:
    """Return the orthonormal discrete cosine transform of a block's side: (frequency, pixel), float32."""
    k = np.arange(BLOCK)
    cosines = np.sqrt(2 / BLOCK) * np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * BLOCK))
    cosines[0] /= np.sqrt(2)
    return cosines.astype(np.float32)


def compare_directions(channels: np.ndarray) -> np.ndarray:
    """Return (n, 28) differences that a quarter turn changes the sign of: frequencies across against those down.

    Of the brightness: the mean over blocks of ln(1 + |F(u, v)|) minus that of F(v, u), for frequencies u across and v
    down, u < v. A quarter turn swaps the two, but for signs.
    """
    cosines, bright = make_cosines(), channels[:, 0]
    down, across = (side // BLOCK for side in bright.shape[1:])
    rows = bright.reshape(-1, BLOCK) @ cosines.T
    columns = rows.reshape(-1, down, BLOCK, across, BLOCK).transpose(0, 1, 3, 4, 2).reshape(-1, BLOCK) @ cosines.T
    strength = np.log(1 + np.abs(columns)).reshape(-1, down * across, BLOCK, BLOCK).mean(axis=1)
    first, second = np.triu_indices(BLOCK, 1)
    difference: np.ndarray = strength[:, first, second] - strength[:, second, first]
    return difference


def compare_sides(channels: np.ndarray) -> np.ndarray:
    """Return (n, 12) differences that mirroring left to right changes the sign of: columns of blocks against theirs.

    Of brightness and both colors: the mean of ln(1 + |second difference between neighbours|) over the columns that are
    the p-th of a block minus that of the (7 - p)-th, for p = 0, ..., 3.
    """
    padded = np.pad(channels, ((0, 0), (0, 0), (0, 0), (1, 1)), mode="edge")
    bends = np.log(1 + np.abs(2 * channels - padded[..., :-2] - padded[..., 2:]))
    by_column = bends.mean(axis=2)
    by_place = by_column.reshape(*by_column.shape[:2], -1, BLOCK).mean(axis=2)  # (n, 3, 8)
    difference: np.ndarray = by_place - by_place[..., ::-1]
    return difference[..., : BLOCK // 2].reshape(len(channels), -1)


def compare_top_and_bottom(channels: np.ndarray) -> np.ndarray:
    """Return the same (n, 12) of mirroring top to bottom."""
    return compare_sides(channels.swapaxes(2, 3))


def measure_statistic(statistic: Statistic, images: np.ndarray, shift: int) -> np.ndarray:
    """Return a statistic (n, S) of images (n, 3, H, W) uint8, cut to whole blocks from pixel `shift` on, at most 8.

    All there are with no shift; with any, one less on each side, so that those with a shift have one size.
    """
    height, width = ((side // BLOCK - (shift > 0)) * BLOCK for side in images.shape[2:])
    kept = images[:, :, shift : shift + height, shift : shift + width]
    parts = (kept[start : start + CHUNK].astype(np.float32) for start in range(0, len(kept), CHUNK))
    return np.concatenate([statistic((COLORS @ part.reshape(len(part), 3, -1)).reshape(part.shape)) for part in parts])


def tell_apart(train: np.ndarray, test: np.ndarray) -> float:
    """Return how often [percent] the states of test images are told by statistics (m, S), learnt from those (n, S).

    By logistic regression on standardised statistics, each image in both of its states; an undecided one counts half.
    """
    from sklearn.linear_model import LogisticRegression

    scale = np.sqrt(np.square(train).mean(axis=0))  # in both states, the mean is 0
    train, test = (values / np.where(scale > 0, scale, 1) for values in (train, test))
    model = LogisticRegression(max_iter=2000, fit_intercept=False)
    model.fit(np.concatenate([train, -train]), np.repeat([1, 0], len(train)))
    scores = test @ model.coef_[0]
    return float(100 * np.mean((scores > 0) + (scores == 0) / 2))
