"""Settings that evaluators share, free of torch: planning reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, MinLen, MultipleOf

from workflow_scripts.support.settings import Count, Positive


@dataclass(frozen=True)
class ProbeSettings:
    """A probe: a multilayer perceptron trained by Adam; a linear one of latents is solved exactly, without steps.

    hidden: widths of hidden layers, [] = linear. steps: of Adam at rate `lr`, on batches of `batch`.
    Defaults: those of Gupta et al. 2024, 200 epochs of one pair a training object (41,920 of them).
    """

    hidden: list[Count] = field(default_factory=list)
    steps: Count = 32800
    lr: Positive = 1e-3
    batch: Count = 256


Length = Annotated[int, Ge(0), MultipleOf(2)]  # of a context [tokens], two a pair
Control = Literal["zero-action", "shuffled", "foreign"]  # `experiment.kinds.CONTROLS`


@dataclass(frozen=True)
class Contexts:
    """Contexts that methods with a context are evaluated under (Gupta et al. 2024, section 4).

    lengths: of true contexts [tokens]. controls: kinds of contexts with false actions (ours), see
    `evaluation.contexts`. control_lengths: of those [tokens].
    """

    lengths: Annotated[list[Length], MinLen(1)] = field(default_factory=lambda: [0, 2, 14, 30, 126])
    controls: list[Control] = field(default_factory=lambda: ["zero-action", "shuffled", "foreign"])
    control_lengths: Annotated[list[Length], MinLen(1)] = field(default_factory=lambda: [14])
