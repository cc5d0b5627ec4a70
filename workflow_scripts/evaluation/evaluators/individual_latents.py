"""R2 of a view's own state, read from its embedding: a task `<group>_individual` for each group.

As in Gupta et al. 2024, appendix. Embeddings under controls are left out: their actions have no truth to follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.probes import Bank, Predictions, probe_individual
from workflow_scripts.evaluation.probing import LATENTS, Probe, probe_places
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.settings import LatentProbes
from workflow_scripts.experiment.kinds import NO_ACTIONS
from workflow_scripts.rows import Row


class IndividualLatents(Evaluator):
    """Reads every group that has a scale, from features and from embeddings under true contexts."""

    Settings = LatentProbes

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a group with a scale."""
        return "" if run.scaled_groups else run.explain_unscaled()

    def leaves_out(self, run: EvaluatedRun) -> str:
        """Groups without a scale."""
        return run.explain_unscaled()

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield R2 in both definitions."""
        groups = run.scaled_groups
        probes: dict[str, Probe] = {f"{group}_individual": partial(self._probe, run, group) for group in groups}
        yield from probe_places(run, run.places("h"), probes, LATENTS)
        yield from probe_places(run, run.places("z+", (*run.space.groups, NO_ACTIONS)), probes, LATENTS)

    def _probe(self, run: EvaluatedRun, group: str, train: Bank, tests: dict[str, Bank]) -> Predictions:
        entries, chosen = run.space.groups[group], self.settings.choose(group)
        return probe_individual(train, tests, entries, run.pair_views, chosen, run.seed)


EVALUATOR = IndividualLatents
