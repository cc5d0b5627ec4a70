"""From probes of a run's embeddings to rows: the places of one representation side by side, as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from workflow_scripts.evaluation.metrics import r2_per_component, r2_pooled, top1
from workflow_scripts.evaluation.probes import Bank, Predictions
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.rows import Row

Metrics = dict[str, Callable[[np.ndarray, np.ndarray], float]]
LATENTS: Metrics = {"r2": r2_per_component, "r2_pooled": r2_pooled}
CLASSES: Metrics = {"top1": top1}

Probe = Callable[[Bank, dict[str, Bank]], Predictions]  # of training embeddings, and of those of each evaluated split


def probe_places(
    run: EvaluatedRun, places: list[MeasuredArray], probes: dict[str, Probe], metrics: Metrics
) -> Iterator[Row]:
    """Yield the rows of every place. places: of one representation. probes: by task."""
    for part in run.side_by_side(places):
        arrays = [place.array for place in part]
        train, tests = run.bank("train", arrays), {split: run.bank(split, arrays) for split in run.splits}
        for task, probe in probes.items():
            for split, (truth, predicted) in probe(train, tests).items():
                for place, values in zip(part, predicted, strict=True):
                    for metric, score in metrics.items():
                        found = {"task": task, "metric": metric, "value": score(truth, values), "n": len(truth)}
                        yield {**place.columns(split), **found}
