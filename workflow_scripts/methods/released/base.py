"""What is to be known of the checkpoint that a method's authors released, so that it can become a run.

To add one, add a module here, named as the method, whose `RELEASED` has this interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class Shown:
    """What the tensors of a checkpoint show of its model. What they do not show is left out, or None.

    settings: of the method. encoder: all settings of it. action_dim: number of entries of an action.
    """

    settings: dict[str, Any]
    encoder: dict[str, Any] | None = None
    action_dim: int | None = None


class Released(Protocol):
    """A `state_dict` whose tensors have the authors' names."""

    def infer(self, tensors: dict[str, Tensor]) -> Shown:
        """Return what the tensors show."""

    def compare_settings(self, shown: Shown, settings: dict[str, Any]) -> list[str]:
        """Say in what the method's settings that a checkpoint shows differ from a run's. settings: the method's."""

    def translate(self, name: str) -> str:
        """Return the authors' name of a tensor of our method."""

    def may_lack(self, name: str) -> bool:
        """Whether a checkpoint may do without a tensor with this name, which then keeps its initial value."""

    def is_unused(self, name: str) -> bool:
        """Whether a tensor that our method does not have may stand in a checkpoint: no embedding depends on it."""

    def examine(self, tensors: dict[str, Tensor]) -> list[str]:
        """Say what else shows that the model is another one than ours."""
