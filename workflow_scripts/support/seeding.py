"""Randomness from names: every random choice is a pure function of a seed and of what it is for.

Nothing carries generator state from one step to the next, so a resumed run draws what an unbroken
one would have drawn.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(*purpose: int | str) -> int:
    """Return a 63-bit seed for a purpose such as `(seed, "context mask", step)`."""
    digest = hashlib.sha256("/".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def numpy_generator(*purpose: int | str) -> np.random.Generator:
    """Return a numpy generator for a purpose."""
    return np.random.default_rng(derive_seed(*purpose))


def torch_generator(*purpose: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """Return a torch generator on `device` for a purpose."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(*purpose))
