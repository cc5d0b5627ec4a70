"""Top-1 of the objects' classes by a probe on frozen embeddings, and of an online probe, where a method has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.metrics import top1
from workflow_scripts.evaluation.probes import Bank, Predictions, probe_class
from workflow_scripts.evaluation.probing import CLASSES, probe_places
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.rows import Row

TASK = "class"


@dataclass(frozen=True)
class Settings:
    """probe: linear, 300 epochs in Gupta et al. 2024."""

    probe: ProbeSettings = field(default_factory=lambda: ProbeSettings(steps=49200))


class Classes(Evaluator):
    """Probes features, readouts, and embeddings under every context."""

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs objects without attributes of their own."""
        return "the class is read together with the attributes" if run.attributes else ""

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield top-1 [percent]."""
        # A prediction, zr, stands for view 0 seen from view i: it has a class.
        for representation in ("h", *run.readouts, "z+", "zr"):
            yield from probe_places(run, run.places(representation), {TASK: partial(self._probe, run)}, CLASSES)
        for place in run.places("logits"):
            for split in run.splits:
                logits = run.read(split, place.array)[:, run.class_views.start : run.class_views.stop]
                truth = np.repeat(run.read(split, "labels"), len(run.class_views))
                value = top1(truth, logits.argmax(axis=-1).ravel())
                found = {"task": TASK, "metric": "top1", "value": value, "n": len(truth)}
                yield {**place.columns(split), **found}

    def _probe(self, run: EvaluatedRun, train: Bank, tests: dict[str, Bank]) -> Predictions:
        return probe_class(train, tests, run.class_views, run.classes, self.settings.probe, run.seed)


EVALUATOR = Classes
