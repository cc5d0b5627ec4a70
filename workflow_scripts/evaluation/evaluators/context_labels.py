"""A label that depends on the context: the class under that of one group, a bin of a latent under that of the other.

The construction of Gupta et al. 2024 is not known; this is ours, see `probes.probe_context_labels`.
The latent is the first of the group whose name comes second in the alphabet.
One probe for each length, side by side; features, the same under both contexts, are the control, at length 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from workflow_scripts.evaluation.contexts import name_context
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.metrics import find_varying, top1
from workflow_scripts.evaluation.probes import Bank, probe_context_labels
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.rows import Row

CONDITION = "both contexts"  # of rows: half of the embeddings are under one, half under the other; level: their length


@dataclass(frozen=True)
class Settings:
    """probe: linear, as that of classes."""

    probe: ProbeSettings = field(default_factory=lambda: ProbeSettings(steps=49200))


class ContextLabels(Evaluator):
    """Top-1 [percent] of features and of embeddings under contexts of each length."""

    Settings = Settings
    conditions = (CONDITION,)

    def skip(self, run: EvaluatedRun) -> str:
        """Needs a method that follows contexts, two groups, and views that show class and latents alike."""
        if len(run.scaled_groups) != 2 or len(run.space.groups) != 2:
            return "it needs two groups that have a scale"
        if run.class_views != run.pair_views:
            return "classes and latents are not read from the same views"
        return "" if _list_lengths(run) else "the method follows no context"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield top-1; n counts every view under both contexts."""
        groups = sorted(run.space.groups)
        latents = run.read("train", "states")[..., run.space.groups[groups[-1]].start]
        if not find_varying(latents.reshape(-1, 1)).any():
            run.leave_out(f"context_label needs bins of {groups[-1]}, whose first latent has one value only")
            return
        places = [MeasuredArray("z+", f"z+.{name_context(groups[0], n)}", CONDITION, n) for n in _list_lengths(run)]
        for part in run.side_by_side(places, arrays=2):
            lengths = [place.level or 0 for place in part]
            yield from self._probe(run, part, [[f"z+.{name_context(g, n)}" for n in lengths] for g in groups])
        yield from self._probe(run, [MeasuredArray("h", "h", CONDITION, 0)], [["h"], ["h"]])

    def _probe(self, run: EvaluatedRun, places: list[MeasuredArray], arrays: list[list[str]]) -> Iterator[Row]:
        """Probe places side by side. arrays: under the contexts of the first and of the second group, of each place."""

        def banks(split: str) -> tuple[Bank, Bank]:
            first = run.bank(split, arrays[0], places[0].unit)
            return first, first if arrays[1] == arrays[0] else run.bank(split, arrays[1], places[0].unit)

        entry = run.space.groups[max(run.space.groups)].start
        tests = {split: banks(split) for split in run.splits}
        found = probe_context_labels(banks("train"), tests, entry, run.classes, self.settings.probe, run.seed)
        for split, (truth, predicted) in found.items():
            for place, values in zip(places, predicted, strict=True):
                score = {"task": "context_label", "metric": "top1", "value": top1(truth, values), "n": len(truth)}
                yield {**place.columns(split), **score}


def _list_lengths(run: EvaluatedRun) -> list[int]:
    """Return the lengths of the contexts that the method follows."""
    return sorted({prediction.length for prediction in run.predictions() if prediction.context})


EVALUATOR = ContextLabels
