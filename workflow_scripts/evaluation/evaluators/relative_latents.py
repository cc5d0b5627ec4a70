"""R2 of the action between two views of an object, read from both embeddings: one task for each group.

As in Gupta et al. 2024, section 4; the protocol is that of Garrido et al. 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.probes import Bank, Predictions, probe_relative
from workflow_scripts.evaluation.probing import LATENTS, Probe, probe_places
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import ByGroup, Count, Positive


@dataclass(frozen=True)
class GroupProbe:
    """What is different in the probe of one group; null = as in the others'."""

    hidden: list[Count] | None = None
    steps: Count | None = None
    lr: Positive | None = None
    batch: Count | None = None


def _list_paper_probes() -> dict[str, GroupProbe]:
    return {"rotation": GroupProbe(hidden=[1024, 1024])}


@dataclass(frozen=True)
class Settings:
    """test_pairs: pairs of views of an evaluated split, drawn at random. probe: of a group without its own in `probes`.

    Defaults: those of Gupta et al. 2024, one pair a test object; rotations are read by a network, the rest linearly.
    """

    test_pairs: Count = 10552
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    probes: Annotated[dict[str, GroupProbe], ByGroup()] = field(default_factory=_list_paper_probes)


class RelativeLatents(Evaluator):
    """Reads every group that has a scale, from features, readouts, and embeddings under every context."""

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs two views of an object, and a group with a scale."""
        if len(run.pair_views) < 2:
            return "there are no two views of an object"
        return "" if run.scaled_groups else run.explain_unscaled()

    def leaves_out(self, run: EvaluatedRun) -> str:
        """Groups without a scale."""
        return run.explain_unscaled()

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield R2 in both definitions."""
        probes: dict[str, Probe] = {group: partial(self._probe, run, group) for group in run.scaled_groups}
        for representation in ("h", *run.readouts, "z+"):
            yield from probe_places(run, run.places(representation), probes, LATENTS)

    def _probe(self, run: EvaluatedRun, group: str, train: Bank, tests: dict[str, Bank]) -> Predictions:
        own = self.settings.probes.get(group, GroupProbe())
        changes = {key: value for key, value in asdict(own).items() if value is not None}
        probe = ProbeSettings(**{**asdict(self.settings.probe), **changes})
        entries, relate = run.space.groups[group], run.space.relate
        return probe_relative(train, tests, relate, entries, run.pair_views, probe, self.settings.test_pairs, run.seed)


EVALUATOR = RelativeLatents
