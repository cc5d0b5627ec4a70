"""Top-1 and top-5 of other data's classes, by a linear classifier on frozen features (Xiao et al. 2021, table 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from workflow_scripts.evaluation.changed import draw_places, encode_changed
from workflow_scripts.evaluation.given import SourcesEvaluator, list_given
from workflow_scripts.evaluation.linear import fit_linear, measure_top
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.readouts import list_representations, rank_readouts, read_out
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count, ReadoutNames, Unique


@dataclass(frozen=True)
class Settings:
    """sources: other data, at the run's resolution. objects: at most so many of each one's training images, null = all.

    readouts: to measure beside the features; those that a method has not are left out. probe: as in He et al. 2020.
    """

    sources: Annotated[list[str], Unique()] = field(default_factory=list)
    objects: Count | None = None
    readouts: Annotated[tuple[str, ...], ReadoutNames(), Unique()] = ("hidden",)
    probe: LinearSettings = field(default_factory=LinearSettings)


class Transfer(SourcesEvaluator):
    """Top-1 and top-5 [percent] on the test split of each source; the task is its name."""

    Settings = Settings

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield both of each representation; of five classes or fewer no top-5, which would be 100."""
        for source in list_given(run, self.settings.sources):
            kept = draw_places(run, "train", source, self.settings.objects, run.seed, "transfer", source)
            features, labels = encode_changed(run, "train", None, source, kept)
            tests, truth = encode_changed(run, "test", None, source)
            classes = int(max(labels.max(), truth.max())) + 1
            for name in list_representations(run, self.settings.readouts):
                values, purpose = read_out(run, features, [name])[name], (run.seed, "transfer", source, name)
                probe = fit_linear(values, labels, classes, self.settings.probe, run.device, *purpose)
                ranks = rank_readouts(run, {name: probe}, tests, truth)[name]
                where = {"representation": name, "condition": "", "level": None, "split": "test", "task": source}
                for metric, value in measure_top(ranks, classes):
                    yield {**where, "metric": metric, "value": value, "n": len(ranks)}


EVALUATOR = Transfer
