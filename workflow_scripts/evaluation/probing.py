"""From probes of a run's embeddings to rows: the places of one representation side by side, as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workflow_scripts.evaluation.metrics import r2_per_component, r2_pooled, top1
from workflow_scripts.evaluation.probes import Bank, Predictions
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.rows import Row

Metrics = dict[str, Callable[[np.ndarray, np.ndarray], float | None]]  # None: there is no such number
LATENTS: Metrics = {"r2": r2_per_component, "r2_pooled": r2_pooled}
CLASSES: Metrics = {"top1": top1}

Probe = Callable[[Bank, dict[str, Bank]], Predictions]  # of training embeddings, and of those of each evaluated split


def probe_places(
    run: EvaluatedRun,
    places: list[MeasuredArray],
    probes: dict[str, Probe],
    metrics: Metrics,
    redrawn: bool = False,
) -> Iterator[Row]:
    """Yield the rows of every place. places: of one representation. probes: by task.

    redrawn: contexts that were drawn n times have a row `<metric>_sd` beside that of the first draw, the standard
    deviation over all draws. Of a task whose truth does not vary there is no R2: `run` notes that it is left out.
    """
    drawn = [*places, *(again for place in places for again in run.redraws(place))] if redrawn else places
    found: dict[tuple[Any, ...], list[float]] = {}
    for part in run.side_by_side(drawn):
        arrays, unit = [place.array for place in part], part[0].unit
        train, tests = run.bank("train", arrays, unit), {split: run.bank(split, arrays, unit) for split in run.splits}
        for task, probe in probes.items():
            for split, (truth, predicted) in probe(train, tests).items():
                for place, values in zip(part, predicted, strict=True):
                    for metric, measure in metrics.items():
                        row = {**place.columns(split), "task": task, "metric": metric}
                        if (value := measure(truth, values)) is None:
                            run.leave_out(f"{task} of the {split} split has one value only, so there is no R2 of it")
                            continue
                        scores = found.setdefault(tuple(row.items()), [])
                        scores.append(value)
                        if len(scores) == 1:  # of the first draw
                            yield {**row, "value": scores[0], "n": len(truth)}
    for key, scores in found.items():
        if len(scores) > 1:
            row = dict(key)
            yield {**row, "metric": f"{row['metric']}_sd", "value": float(np.std(scores, ddof=1)), "n": len(scores)}
