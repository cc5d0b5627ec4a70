"""Top-1 and top-5 on other images of a run's own classes, by a linear classifier learnt from its own training images.

Photographs that were taken otherwise, or images that are stored corrupted (Xiao et al. 2021 look at both). Labels of a
source number the same classes as those of the run's data; it may have images of some of them only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from workflow_scripts.data.corrupted_views import CORRUPTIONS, GROUPS, VIEWS
from workflow_scripts.evaluation.changed import encode_changed
from workflow_scripts.evaluation.given import SourcesEvaluator, count_views, list_given
from workflow_scripts.evaluation.linear import learn_classes, measure_top, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.readouts import list_representations, rank_readouts
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import ReadoutNames, Unique


@dataclass(frozen=True)
class Settings:
    """sources: other images of the run's classes, at its resolution. probe: of the run's own images' classes; where it
    is that of evaluator `linear`, it is fitted once.

    readouts: to measure beside the features; those that a method has not are left out.
    """

    sources: Annotated[list[str], Unique()] = field(default_factory=list)
    readouts: Annotated[tuple[str, ...], ReadoutNames(), Unique()] = ("hidden",)
    probe: LinearSettings = field(default_factory=LinearSettings)


class Shifted(SourcesEvaluator):
    """Top-1 and top-5 [percent] on the test split of each source; the task is its name.

    Of a source whose objects have a view for each corruption and strength of `data.corrupted_views`, top-1 also of each
    of them, and as means over groups of corruptions, `top1_<group>`.
    """

    Settings = Settings
    conditions = CORRUPTIONS

    def skip(self, run: EvaluatedRun) -> str:
        """Needs one of the sources, and classes to learn."""
        if run.attributes:
            return "the class is read together with the attributes"
        return super().skip(run)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield top-1 and top-5 of each source; n counts images."""
        names = list_representations(run, self.settings.readouts)
        for source in list_given(run, self.settings.sources):
            probes = {name: learn_classes(run, name, self.settings.probe) for name in names}
            features, labels = encode_changed(run, "test", None, source)
            if labels.max() >= run.classes:
                raise UserError(
                    f"{source} has {labels.max() + 1} classes, the run's data {run.classes}: its labels do not number "
                    "the same ones; leave it out of evaluation.evaluators.shifted.sources"
                )
            corrupted = count_views(run, source) == len(VIEWS)
            for name, ranks in rank_readouts(run, probes, features, labels).items():
                where = {"representation": name, "split": "test", "task": source}
                for metric, value in measure_top(ranks, run.classes):
                    yield {**where, **_measure(metric, value, len(ranks))}
                if corrupted:
                    yield from ({**where, **measured} for measured in measure_corruptions(ranks))


def measure_corruptions(ranks: np.ndarray) -> Iterator[Row]:
    """Yield top-1 by corruption and strength, and as means over groups, of ranks (n x 75,), object by object."""
    by_view = ranks.reshape(-1, len(VIEWS)).T
    found = {view: share_within(own, 1) for view, own in zip(VIEWS, by_view, strict=True)}
    for (corruption, strength), value in found.items():
        yield _measure("top1", value, by_view.shape[1], corruption, strength)
    for group, members in GROUPS.items():
        values = [value for (corruption, _), value in found.items() if corruption in members]
        yield _measure(f"top1_{group}", float(np.mean(values)), len(values) * by_view.shape[1])


def _measure(metric: str, value: float, count: int, condition: str = "", level: int | None = None) -> Row:
    return {"condition": condition, "level": level, "metric": metric, "value": value, "n": count}


EVALUATOR = Shifted
