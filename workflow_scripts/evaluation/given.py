"""Other sources than a run's own data that evaluators are told to look at: which are there, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.run import EvaluatedRun

ABSENT = "was not given"  # how `EvaluatedRun.misfit` ends of a source without a path


class SourcesEvaluator(Evaluator):
    """An evaluator of other data alone, whose settings have a list `sources`."""

    def skip(self, run: EvaluatedRun) -> str:
        """Needs one of the sources."""
        return skip_without(run, self.settings.sources)

    def leaves_out(self, run: EvaluatedRun) -> str:
        """The sources that were not given, or do not fit."""
        return explain_missing(run, self.settings.sources)


def list_given(run: EvaluatedRun, sources: Iterable[str]) -> list[str]:
    """Return the sources that are there and that the encoder can read."""
    return [source for source in dict.fromkeys(sources) if not run.misfit(source)]


def explain_missing(run: EvaluatedRun, sources: Iterable[str]) -> str:
    """Return why the other ones are left out, and how to give them; "" where there is none."""
    reasons = {source: run.misfit(source) for source in sources}
    found = [f"{reason}{_advise(source, reason)}" for source, reason in reasons.items() if reason]
    return "; ".join(found)


def skip_without(run: EvaluatedRun, sources: Iterable[str]) -> str:
    """Return why nothing of the sources can be measured, as `Evaluator.skip` does, or ""."""
    names = list(sources)
    if not names:
        return "no other source is named to look at"
    if "test" not in run.splits:
        return "the test split is not evaluated"
    return "" if list_given(run, names) else explain_missing(run, names)


def _advise(source: str, reason: str) -> str:
    return f", set sources.{source}.path to its archive or folder" if reason.endswith(ABSENT) else ""


def count_views(run: EvaluatedRun, source: str) -> int:
    """Return how many stored views each object of a source has.

    `EvaluatedRun` does not say: a change of it would have every evaluation ever made be made again.
    """
    return int(PackedDataset(run._others._folders[source]).meta["views"])
