"""From packed rows of a table to the inputs of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

UNKNOWN = -1  # a category that no training row has: encoded as zeros


class RowEncoder:
    """Turns packed rows (..., C) into inputs (..., F) of networks: numbers and flags as they are, categories one-hot.

    columns: of meta.json. hidden: names of columns that become zeros.
    """

    def __init__(self, columns: list[dict[str, Any]], hidden: Sequence[str] = ()) -> None:
        source, category, shown = [], [], []
        for position, entry in enumerate(columns):
            width = max(1, len(entry["categories"]))
            source += [position] * width
            category += list(range(width)) if entry["categories"] else [UNKNOWN]
            shown += [entry["name"] not in hidden] * width
        self._source, self._category = torch.tensor(source), torch.tensor(category)
        self._shown = torch.tensor(shown)

    @property
    def width(self) -> int:
        """F, the number of inputs of a network."""
        return len(self._source)

    def __call__(self, rows: Tensor) -> Tensor:
        """Encode rows (..., C) as (..., F)."""
        values = rows[..., self._source]
        one_hot = (values == self._category).to(values.dtype)
        return torch.where(self._category == UNKNOWN, values, one_hot) * self._shown
