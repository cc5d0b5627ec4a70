"""Settings that evaluators share, free of torch: planning reads them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal, get_args

from annotated_types import Ge, Le, MinLen, MultipleOf

from workflow_scripts.support.settings import ByGroup, Count, Positive, Unique, Width

Solver = Literal["exact", "adam"]


@dataclass(frozen=True)
class ProbeSettings:
    """A probe: a multilayer perceptron trained by Adam; a linear one of latents is solved exactly, without steps.

    hidden: widths of hidden layers, [] = linear. steps: of Adam at rate `lr`, on batches of `batch`. solver: of linear
    probes of latents, "exact" (ours) or "adam" as in the source; networks and classes are always learnt by Adam.
    Defaults: those of Gupta et al. 2024, 200 epochs of one pair a training object (41,920 of them).
    """

    hidden: list[Width] = field(default_factory=list)
    steps: Count = 32800
    lr: Positive = 1e-3
    batch: Count = 256
    solver: Solver = "exact"


@dataclass(frozen=True)
class ProbeChange:
    """What is different in one probe; null = as in the others."""

    hidden: list[Width] | None = None
    steps: Count | None = None
    lr: Positive | None = None
    batch: Count | None = None
    solver: Solver | None = None

    def apply(self, probe: ProbeSettings) -> ProbeSettings:
        """Return a probe's settings with these changes."""
        changes = {key: value for key, value in asdict(self).items() if value is not None}
        return ProbeSettings(**{**asdict(probe), **changes})


def read_rotation_by_network() -> dict[str, ProbeChange]:
    """Return the probes of Gupta et al. 2024: rotations are read by a network, the other groups linearly."""
    return {"rotation": ProbeChange(hidden=[1024, 1024])}


@dataclass(frozen=True)
class LatentProbes:
    """probe: of a group without its own in `probes`.

    Defaults: those of Gupta et al. 2024; rotations are read by a network, the rest linearly.
    """

    probe: ProbeSettings = field(default_factory=ProbeSettings)
    probes: Annotated[dict[str, ProbeChange], ByGroup()] = field(default_factory=read_rotation_by_network)

    def choose(self, group: str) -> ProbeSettings:
        """Return the settings of a group's probe."""
        return self.probes.get(group, ProbeChange()).apply(self.probe)


Length = Annotated[int, Ge(0), Le(2**13), MultipleOf(2)]  # of a context [tokens], two a pair; costs its square
Control = Literal["zero-action", "shuffled", "foreign", "decoys"]  # `experiment.kinds.CONTROLS`


@dataclass(frozen=True)
class Contexts:
    """Contexts that methods with a context are evaluated under (Gupta et al. 2024, section 4).

    lengths: of true contexts [tokens]. controls: kinds of contexts with false actions (ours), see
    `evaluation.contexts`. control_lengths: of those [tokens].
    pairs: training pairs that are drawn together, whatever lengths are asked for; a context is their first tokens. Of
    longer contexts, as many more are drawn as they need, and these stay the first.
    draw: how they are drawn, "seeded" by the evaluation's seed (ours), or "released", as the released code does for its
    checkpoint. draws: how many times contexts are drawn (ours); the first draw is the one that everything is measured
    under, all of them together say how far R2 under contexts of `draw_lengths` [tokens] depends on the draw.
    """

    lengths: Annotated[list[Length], MinLen(1), Unique()] = field(default_factory=lambda: [0, 2, 6, 14, 30, 126])
    controls: Annotated[list[Control], Unique()] = field(default_factory=lambda: list(get_args(Control)))
    control_lengths: Annotated[list[Length], MinLen(1), Unique()] = field(default_factory=lambda: [14])
    pairs: Annotated[int, Ge(2), Le(2**13)] = 64  # of one pair alone no action could be shuffled
    draw: Literal["seeded", "released"] = "seeded"
    draws: Annotated[Count, Le(1000)] = 1
    draw_lengths: Annotated[list[Length], Unique()] = field(default_factory=lambda: [2, 14])
