"""Crossed views: every pose of an object in every color, P poses and P colors of V = P * P views.

View i * P + j has pose i and color j, the hues of the floor and of the light. So there is, for each view, another one
that differs in its color alone, and one that differs in its pose alone. All else is drawn for each view: the direction
of the light, which is of neither group, tells nothing of which views share what.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

# Columns of latents: the Euler angles, and the hues of floor and light.
POSE, HUES = [0, 1, 2], [3, 6]


def count_poses(views: int) -> int:
    """Return P of P * P views, or 0 where they are no square of 2 or more."""
    poses = isqrt(views)
    return poses if poses > 1 and poses**2 == views else 0


def cross_latents(latents: np.ndarray) -> np.ndarray:
    """Return latents (V, 7) of crossed views: of the given ones, the first P give the poses, and the colors, too.

    Whatever is neither stays as given, view by view. V is a square of 2 or more.
    """
    pose, color = np.divmod(np.arange(len(latents)), count_poses(len(latents)))
    crossed = latents.copy()
    crossed[:, POSE] = latents[pose][:, POSE]
    crossed[:, HUES] = latents[color][:, HUES]
    return crossed


def are_crossed(latents: np.ndarray) -> bool:
    """Tell whether latents (N, V, L) are those of crossed views, with P different poses and colors of each object."""
    poses = count_poses(latents.shape[1])
    if not poses or latents.shape[2] <= max(HUES):
        return False
    grid = latents.reshape(len(latents), poses, poses, -1)
    pose, color = grid[..., POSE], grid[..., HUES]
    holds = (pose == pose[:, :, :1]).all() and (color == color[:, :1]).all()
    return bool(holds and _all_differ(pose[:, :, 0]) and _all_differ(color[:, 0]))


def _all_differ(values: np.ndarray) -> bool:
    """Tell whether no two of the P vectors of an object are equal. values: (N, P, D)."""
    turns = range(1, values.shape[1] // 2 + 1)  # every two are so far apart, one way round or the other
    return all((values != np.roll(values, turn, axis=1)).any(axis=2).all() for turn in turns)
