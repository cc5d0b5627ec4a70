"""Top-1 of the classes of other data, learnt from a few examples a class (Xiao et al. 2021, table 2).

The examples are drawn anew several times, the same for every run: the mean over draws, and its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, MinLen

from workflow_scripts.evaluation.changed import encode_changed
from workflow_scripts.evaluation.given import SourcesEvaluator, list_given
from workflow_scripts.evaluation.linear import LinearClassifier, fit_linear, rank_truth, share_within
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.readouts import list_representations, read_out
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import Count, ReadoutNames, Unique

CONDITION = "shots"  # of rows; level: examples a class


def make_probe() -> LinearSettings:
    """Return the classifier of Xiao et al. 2021: 250 steps of Adam."""
    return LinearSettings(optimizer="adam", steps=250, batch=64, lr=0.03, milestones=())


@dataclass(frozen=True)
class Settings:
    """sources: other data, at the run's resolution. shots: examples a class. draws: of the examples.

    readouts: to measure beside the features; those that a method has not are left out. Defaults: those of Xiao et al.
    2021, as far as they were found.
    """

    sources: Annotated[list[str], Unique()] = field(default_factory=list)
    shots: Annotated[list[Count], MinLen(1), Unique()] = field(default_factory=lambda: [5, 10])
    draws: Annotated[int, Ge(2), Le(1000)] = 10  # of one alone there is no interval
    readouts: Annotated[tuple[str, ...], ReadoutNames(), Unique()] = ("hidden",)
    probe: LinearSettings = field(default_factory=make_probe)


class FewShot(SourcesEvaluator):
    """Top-1 [percent] on the test split of each source, and the half width of its 95 % interval (Student's t).

    The task is the source's name. n counts test images, and draws for the interval.
    """

    Settings = Settings
    conditions = (CONDITION,)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield mean and interval of each representation and number of shots."""
        for source in list_given(run, self.settings.sources):
            (features, labels), (tests, truth) = (
                encode_changed(run, split, None, source) for split in ("train", "test")
            )
            classes = int(max(labels.max(), truth.max())) + 1
            for name in list_representations(run, self.settings.readouts):
                values, shown = (read_out(run, part, [name])[name] for part in (features, tests))
                for shots in dict.fromkeys(self.settings.shots):
                    scores = []
                    for draw in range(self.settings.draws):
                        purpose = (run.seed, "few shot", source, shots, draw)
                        chosen = draw_examples(labels, shots, source, *purpose)
                        probe = self._learn(run, name, values[chosen], labels[chosen], classes)
                        scores.append(share_within(rank_truth(probe.scores(shown), truth), 1))
                    where = {"representation": name, "condition": CONDITION, "level": shots, "split": "test"}
                    mean, half_width = find_interval(scores)
                    yield {**where, "task": source, "metric": "top1", "value": mean, "n": len(truth)}
                    yield {**where, "task": source, "metric": "top1_interval", "value": half_width, "n": len(scores)}

    def _learn(
        self, run: EvaluatedRun, name: str, values: np.ndarray, labels: np.ndarray, classes: int
    ) -> LinearClassifier:
        """Learn classes from examples (n, O); all draws start alike, and see theirs in the same order."""
        return fit_linear(values, labels, classes, self.settings.probe, run.device, run.seed, "few shot", name)


def draw_examples(labels: np.ndarray, shots: int, source: str, *purpose: int | str) -> np.ndarray:
    """Draw the places of `shots` different examples of each class there is of labels (n,), ascending.

    Raises `UserError` where a class has fewer.
    """
    random, chosen = numpy_generator(*purpose), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < shots:
            raise UserError(
                f"few_shot takes {shots} examples a class, but class {label} of {source} has {len(members)}; "
                "lower evaluation.evaluators.few_shot.shots"
            )
        chosen.append(random.choice(members, size=shots, replace=False))
    return np.sort(np.concatenate(chosen))


def find_interval(scores: list[float]) -> tuple[float, float]:
    """Return the mean of scores of independent draws, and the half width of its 95 % interval by Student's t."""
    from scipy.special import stdtrit  # scipy.stats would take half a second to import

    count = len(scores)
    deviation = float(np.std(scores, ddof=1))
    return float(np.mean(scores)), float(stdtrit(count - 1, 0.975)) * deviation / count**0.5


EVALUATOR = FewShot
