"""Top-1 and top-5 of the classes by a linear classifier on frozen features, as `evaluation.linear` learns it.

The standard protocol. It takes the place of `classes`, whose probe is another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.linear import learn_classes, measure_top, rank_truth, read_class_views
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.readouts import list_representations
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row


@dataclass(frozen=True)
class Settings:
    """probe: Xiao et al. 2021 take that of He et al. 2020."""

    probe: LinearSettings = field(default_factory=LinearSettings)


class Linear(Evaluator):
    """Top-1 and top-5 [percent] of features and every readout, on each evaluated split."""

    Settings = Settings
    replaces: ClassVar[str] = "classes"  # their rows are of one name; plans refuse both

    def skip(self, run: EvaluatedRun) -> str:
        """Needs objects without attributes of their own."""
        return "the class is read together with the attributes" if run.attributes else ""

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield both; of five classes or fewer no top-5, which would be 100."""
        for representation in list_representations(run):
            probe = learn_classes(run, representation, self.settings.probe)
            for split in run.splits:
                features, labels = read_class_views(run, split, representation)
                ranks = rank_truth(probe.scores(features), labels)
                where = {"representation": representation, "condition": "", "level": None, "split": split}
                for metric, value in measure_top(ranks, run.classes):
                    yield {**where, "task": "class", "metric": metric, "value": value, "n": len(ranks)}


EVALUATOR = Linear
