"""What the probe does to R2 of the action between two views: the same embeddings read by several probes.

A task `<group>_by_<probe>` for each group and probe, in place of the one that `relative_latents` chooses. Of embeddings
under the longest context of each group, or of features, where a method follows no context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from workflow_scripts.evaluation.evaluators.relative_latents import RelativeLatents
from workflow_scripts.evaluation.probing import LATENTS, Probe, probe_places
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.evaluation.settings import ProbeChange, ProbeSettings
from workflow_scripts.experiment.kinds import NO_ACTIONS
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import ByGroup, Count, KeysOf


def list_probes() -> dict[str, ProbeChange]:
    """Return a linear probe, solved exactly and learnt as Gupta et al. 2024 do, and their network."""
    return {
        "exact": ProbeChange(hidden=[], solver="exact"),
        "adam": ProbeChange(hidden=[], solver="adam"),
        "network": ProbeChange(hidden=[1024, 1024]),
    }


def list_known() -> dict[str, list[str]]:
    """Return what relative latents are read by unless their settings say otherwise, and costs much to learn again."""
    return {"rotation": ["network"]}


@dataclass(frozen=True)
class Settings:
    """test_pairs: as of relative latents. probe: what a probe of `probes`, by its name, does not say of itself.

    left_out: by group, names of probes that it is not read by: those by which relative latents are read anyway.
    """

    test_pairs: Count | None = None
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    probes: dict[str, ProbeChange] = field(default_factory=list_probes)
    left_out: Annotated[dict[str, list[str]], ByGroup(), KeysOf("probes")] = field(default_factory=list_known)


class ProbeEffect(RelativeLatents):
    """Every group that has a scale, read by every probe."""

    Settings = Settings

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield R2 in both definitions."""
        probes: dict[str, Probe] = {
            f"{group}_by_{name}": partial(self._probe, run, group, change.apply(self.settings.probe))
            for group in run.scaled_groups
            for name, change in self.settings.probes.items()
            if name not in self.settings.left_out.get(group, [])
        }
        yield from probe_places(run, _list_longest(run) or run.places("h"), probes, LATENTS)


def _list_longest(run: EvaluatedRun) -> list[MeasuredArray]:
    """Return the embeddings under the longest context of each group."""
    longest: dict[str, MeasuredArray] = {}
    for place in run.places("z+", (*run.space.groups, NO_ACTIONS)):
        if place.condition not in longest or (place.level or 0) > (longest[place.condition].level or 0):
            longest[place.condition] = place
    return list(longest.values())


EVALUATOR = ProbeEffect
