"""R2 of the action between two views of an object, read from both embeddings: one task for each group.

As in Gupta et al. 2024, section 4; the protocol is that of Garrido et al. 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.probes import Bank, Predictions, probe_relative
from workflow_scripts.evaluation.probing import LATENTS, Probe, probe_places
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.settings import LatentProbes, ProbeSettings
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count


@dataclass(frozen=True)
class Settings(LatentProbes):
    """test_pairs: pairs of views of an evaluated split, drawn at random; null = one of each object.

    The probes are chosen as those of individual latents.
    """

    test_pairs: Count | None = None


class RelativeLatents(Evaluator):
    """Reads every group that has a scale, from features, readouts, and embeddings under every context."""

    Settings: ClassVar[type] = Settings

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
        probes: dict[str, Probe] = {
            group: partial(self._probe, run, group, self.settings.choose(group)) for group in run.scaled_groups
        }
        for representation in ("h", *run.readouts):
            yield from probe_places(run, run.places(representation), probes, LATENTS)
        yield from probe_places(run, run.places("z+"), probes, LATENTS, redrawn=True)

    def _probe(
        self, run: EvaluatedRun, group: str, probe: ProbeSettings, train: Bank, tests: dict[str, Bank]
    ) -> Predictions:
        entries, relate = run.space.groups[group], run.space.relate
        return probe_relative(train, tests, relate, entries, run.pair_views, probe, self.settings.test_pairs, run.seed)


EVALUATOR = RelativeLatents
