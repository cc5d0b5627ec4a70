"""ContextSSL trained with decoys (ours): every context shows all groups, of which one is true of its images.

The environments of Gupta et al. 2024 show one group and hide the others, so that which entries are not zero tells the
environment, whatever they say. Here the entries of the other groups hold another pair's action: only who compares the
actions of a context with its images can tell which group it is about.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workflow_scripts.methods.contextssl import ContextSSL


class DecoyedContextSSL(ContextSSL):
    """ContextSSL whose environments hide nothing: they lie about all groups but one."""

    def show_environment(self, actions: Tensor, group: str | None, generator: torch.Generator) -> Tensor:
        """Return actions (N, A) with the true entries of a group, and another pair's in all others."""
        order = torch.randperm(len(actions), generator=generator).to(actions.device)
        decoys = torch.empty_like(actions)
        decoys[order] = actions[order.roll(1)]  # never a pair's own
        return self.space.show(actions, (group,) if group else (), decoys)


METHOD = DecoyedContextSSL
