"""States of views, and the actions that lead from one view to another.

A *state* describes one view in absolute terms, an *action* takes the state of a view to that of
another. Both are vectors of the same length whose entries are divided into *groups*, the symmetries
that a context can ask for (Gupta et al. 2024, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class ActionSpace:
    """The groups of a data set.

    groups: each group's entries in states and actions. relate: makes the action (..., A) of two states (..., A).
    values: of a discrete group, whose one entry is a number from 0 on, how many values there are.
    """

    groups: dict[str, slice]
    relate: Callable[[Tensor, Tensor], Tensor]
    values: dict[str, int] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Number of entries of a state or an action."""
        return max((entries.stop for entries in self.groups.values()), default=0)

    def show(self, actions: Tensor, names: tuple[str, ...], decoys: Tensor | None = None) -> Tensor:
        """Return actions (..., dim) with the entries of the named groups, and zeros in place of the others.

        decoys: (..., dim), the actions of other pairs, whose entries take the place of the zeros.
        """
        shown = torch.zeros_like(actions) if decoys is None else decoys.clone()
        for name in names:
            shown[..., self.groups[name]] = actions[..., self.groups[name]]
        return shown


def difference(first: Tensor, second: Tensor) -> Tensor:
    """Return the action between states that simply subtract: second minus first."""
    return second - first
