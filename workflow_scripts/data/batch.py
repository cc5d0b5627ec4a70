"""The unit of training: a batch of K views of N objects, with what was done to each view."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from workflow_scripts.data.actions import ActionSpace

# For each view, the groups whose parameters it copies from view 0. Its length is the number of views K.
Sharing = tuple[frozenset[str], ...]
INDEPENDENT: frozenset[str] = frozenset()
PAIR: Sharing = (INDEPENDENT, INDEPENDENT)  # two views that share nothing


@dataclass
class Batch:
    """K views of each of N objects, on the training device.

    views: (K, N, 3, H, W) images or (K, N, F) rows, float, normalised. states: (K, N, A), what was done to, or is true
    of, each view. labels: (N,) int64, the objects' classes; for supervised controls and online probes only.
    """

    views: Tensor
    states: Tensor
    labels: Tensor
    space: ActionSpace

    def action(self, first: int = 0, second: int = 1) -> Tensor:
        """Return the action (N, A) that takes one view to another."""
        return self.space.relate(self.states[first], self.states[second])
