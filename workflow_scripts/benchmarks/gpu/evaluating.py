"""What an evaluation takes: embedding, and each evaluator, of an untrained run of the paper's size."""

from __future__ import annotations

import time
from typing import Any

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import embed_method, open_data, thin_dataset
from workflow_scripts.benchmarks.gpu.scale import Check, limit_steps, list_timed
from workflow_scripts.benchmarks.measuring import summarise
from workflow_scripts.benchmarks.training import wait
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.experiment.costs import count_inputs
from workflow_scripts.training.devices import choose_device

FEWER = 4  # times fewer training objects, where embedding is timed a second time


def measure_evaluation(check: Check, report: Report) -> None:
    """Report the seconds of every stage, and what follows for the paper's data.

    Everything is done once before it is timed, since a GPU's first operations take longer. Then embedding takes two
    numbers of images, and probes two numbers of steps: what follows has the paper's numbers of both.
    """
    scale, config = check.scale, read_config(check.scale.speed)
    run, settings = list_timed(config)[0]
    opened = open_data(check.packed("learning"), settings, choose_device(check.device, 1))
    method, seconds = opened.build(), {}
    for objects in [scale.probe_objects // FEWER] * 2 + [scale.probe_objects]:
        evaluated = None  # what it holds on the device is free again
        folder, thinned = check.folder / "runs" / f"evaluated {objects}", thin_dataset(opened, objects)
        began = time.perf_counter()
        evaluated = embed_method(method, opened, config["evaluation"], folder, thinned)
        wait(opened.device)
        # The second time takes the place of the first.
        seconds[images := count_embedded(evaluated)] = time.perf_counter() - began
    assert evaluated
    case = f"{run.name}, {images:,} images, {len(evaluated.contexts)} contexts"
    report(summarise("evaluation", case, "embedding", "s", [seconds[images]]))
    wanted = count_inputs(config, config["dataset_settings"][run.dataset]["source"])
    total = extrapolate(seconds, wanted)
    warm = False
    for name, own in config["evaluation"]["evaluators"].items():
        if make_evaluator(name, own).skip(evaluated):
            continue
        few, many = (min(steps, largest_steps(own)) for steps in scale.evaluation_steps)
        if not warm:
            time_evaluator(evaluated, name, limit_steps(own, few))
            warm = True
        taken = {steps: time_evaluator(evaluated, name, limit_steps(own, steps)) for steps in {few, many}}
        report(summarise("evaluation", name, f"with {many} steps a probe" if many else "time", "s", [taken[many]]))
        # What does not grow with the steps is taken to grow with the images: solving, predicting, ranking.
        rest = extrapolate(taken, 0) if many > few else taken[many]
        total += extrapolate(taken, largest_steps(own)) - rest + rest * wanted / images
    report(summarise("evaluation", f"{run.name}, {check.scale.speed}", "in all, what follows", "min", [total / 60]))


def count_embedded(run: EvaluatedRun) -> int:
    """Return how many images a run's embeddings are of."""
    return run.views * sum(run.read(split, "labels").size for split in ("train", *run.splits))


def extrapolate(seconds: dict[int, float], wanted: int) -> float:
    """Return the seconds of `wanted` of something, from those of one or two numbers of it: a start, and so much each.

    Where more took no longer, chance was larger than what each takes, and where there is no second number, all of it is
    taken to be in proportion: the most that it can be.
    """
    few, many = min(seconds), max(seconds)
    if not many:
        return seconds[many]
    slope = (seconds[many] - seconds[few]) / (many - few) if many > few else 0.0
    slope = min(slope, seconds[many] / many) if slope > 0 else seconds[many] / many
    return seconds[many] + slope * (wanted - many)


def time_evaluator(run: EvaluatedRun, name: str, settings: dict[str, Any]) -> float:
    """Return the seconds of one evaluator."""
    began = time.perf_counter()
    measure(run, {name: make_evaluator(name, settings)})
    wait(run.device)
    return time.perf_counter() - began


def largest_steps(settings: dict[str, Any]) -> int:
    """Return the most steps of any probe of an evaluator, 0 where it has none."""
    inner = [largest_steps(value) for value in settings.values() if isinstance(value, dict)]
    return max([*inner, settings.get("steps") or 0])
