"""What an evaluation takes: embedding, and each evaluator, of an untrained run of the paper's size."""

from __future__ import annotations

import time
from typing import Any

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import open_data, open_stored, store_run, thin_dataset
from workflow_scripts.benchmarks.gpu.scale import Check, limit_steps, list_timed
from workflow_scripts.benchmarks.measuring import summarise
from workflow_scripts.benchmarks.training import wait
from workflow_scripts.evaluation.evaluators.base import make_evaluator
from workflow_scripts.evaluation.measuring import measure
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.experiment.costs import count_inputs
from workflow_scripts.training.devices import choose_device


def measure_evaluation(check: Check, report: Report) -> None:
    """Report the seconds of every stage, and what follows for the paper's data.

    Probes take fewer steps here, two numbers of them: what follows has the paper's number, and as many times more of
    all else as there are more images.
    """
    scale, config = check.scale, read_config(check.scale.speed)
    run, settings = list_timed(config)[0]
    opened = open_data(check.packed("learning"), settings, choose_device(check.device, 1))
    thinned = thin_dataset(opened, scale.probe_objects)
    folder = store_run(opened.build(), opened, check.folder / "runs" / "evaluated", thinned)
    began = time.perf_counter()
    evaluated = open_stored(folder, opened, config["evaluation"])
    wait(opened.device)
    embedding = time.perf_counter() - began
    images = sum(evaluated.read(split, "labels").size for split in ("train", *evaluated.splits)) * evaluated.views
    case = f"{run.name}, {images:,} images, {len(evaluated.contexts)} contexts"
    report(summarise("evaluation", case, "embedding", "s", [embedding]))
    more = count_inputs(config, config["dataset_settings"][run.dataset]["source"]) / images
    total = embedding * more
    for name, own in config["evaluation"]["evaluators"].items():
        if make_evaluator(name, own).skip(evaluated):
            continue
        few, many = counts = [min(steps, largest_steps(own)) for steps in scale.evaluation_steps]
        seconds = {steps: time_evaluator(evaluated, name, limit_steps(own, steps)) for steps in dict.fromkeys(counts)}
        slope = max(0.0, seconds[many] - seconds[few]) / max(1, many - few)
        report(summarise("evaluation", name, f"with {many} steps a probe" if many else "time", "s", [seconds[many]]))
        total += slope * largest_steps(own) + max(0.0, seconds[few] - slope * few) * more
    report(summarise("evaluation", f"{run.name}, {check.scale.speed}", "in all, what follows", "min", [total / 60]))


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
