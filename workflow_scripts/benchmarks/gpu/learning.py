"""The learning curve: what a training knows of held-out objects after so many steps, as far as the minutes go."""

from __future__ import annotations

import copy
import shutil
import time
from typing import Any

import numpy as np
import torch

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.runs import (
    OpenedData,
    embed_method,
    measure_rows,
    open_data,
    shorten,
    thin_dataset,
    train_run,
)
from workflow_scripts.benchmarks.gpu.scale import Check, limit_steps, list_learners
from workflow_scripts.benchmarks.gpu.speed import use_compiler
from workflow_scripts.benchmarks.training import Forgetful, Mode, wait
from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.methods.base import Method
from workflow_scripts.training.devices import choose_device

TIMED = 20  # steps that tell how fast a training is
LENGTHS = (0, 14, 126)  # of contexts [tokens]
EVALUATOR = "relative_latents"
REFERENCE = 0.7  # share of the seconds; what is left is shared by the controls
SLACK = 1.3  # a probe may take so many times as long as the first one


class OutOfTimeError(Exception):
    """A training has used its seconds."""


class Curve:
    """What is reported of one run. opened: its data."""

    def __init__(self, check: Check, report: Report, name: str, opened: OpenedData, config: dict[str, Any]) -> None:
        self.check, self.report, self.name, self.opened = check, report, name, opened
        evaluation = config["evaluation"]
        contexts = evaluation["contexts"]
        lengths = [length for length in LENGTHS if length <= max(contexts["lengths"])]
        self.evaluation = {
            **evaluation,
            "splits": ["test"],
            "contexts": {**contexts, "lengths": lengths, "controls": [], "draws": 1},
            "evaluators": {EVALUATOR: limit_steps(evaluation["evaluators"][EVALUATOR], check.scale.probe_steps)},
        }

    def say(self, kind: str, **values: Any) -> None:
        """Report a row of this run."""
        self.report({"run": self.name, "kind": kind, **values})

    def probe(self, method: Method, step: int) -> float:
        """Report what probes read on held-out objects, and return the seconds that it took.

        At step 0, report what is no skill, too. Probes learn from few training objects: the others are left out as if
        they were held out.
        """
        began = time.monotonic()
        thinned = thin_dataset(self.opened, self.check.scale.probe_objects)
        folder = self.check.folder / "runs" / self.name
        run = embed_method(method, self.opened, self.evaluation, folder, thinned)
        if not step:
            self.say("constant", errors=measure_constant(run.read("train", "states"), run.space))
        for row in measure_rows(run, self.evaluation):
            self.say("probe", step=step, **row)
        shutil.rmtree(folder, ignore_errors=True)
        return time.monotonic() - began


def measure_constant(states: np.ndarray, space: ActionSpace) -> dict[str, float]:
    """Return, by group, the least mean squared error of a constant prediction of states (n, V, A).

    That is their variance, the mean over the group's entries.
    """
    variance = states.astype(np.float64).var(axis=(0, 1))
    return {group: float(variance[entries].mean()) for group, entries in space.groups.items()}


class Observer(Forgetful):
    """Stands in for a `TrainingState`: reports the history, and probes the method where `at` says [steps]."""

    def __init__(self, curve: Curve, method: Method, at: list[int], end: float) -> None:
        self.curve, self.method, self.at, self.end = curve, method, at, end
        self.step = self.probed = 0

    def log(self, line: dict[str, Any]) -> None:
        """Report a line of the history. Raises `OutOfTimeError` past the end."""
        self.step = line["step"]
        self.curve.say("history", **line)
        if any(self.probed < step <= self.step for step in self.at):
            self.curve.probe(self.method, self.step)
            self.probed = self.step
        if time.monotonic() > self.end:
            raise OutOfTimeError


def follow_learning(check: Check, report: Report) -> None:
    """Report the curves of the reference and of the controls. One that fails is a row with its error."""
    began = time.monotonic()
    use_compiler(check.scale)
    config, device = read_config(check.scale.learning), choose_device(check.device, 1)
    learners = list_learners(config)
    for number, (name, settings) in enumerate(learners):
        left = began + check.seconds - time.monotonic()
        # The last ones get what is left, but for a little: the limit of the part is not theirs to reach.
        seconds = REFERENCE * left if number == 0 else 0.9 * left / (len(learners) - number)
        try:
            opened = open_data(check.packed("learning"), settings, device)
            follow_run(Curve(check, report, name, opened, config), time.monotonic() + seconds)
        except Exception as error:
            report({"run": name, "kind": "error", "error": f"{type(error).__name__}: {error}"})
        if device.type == "cuda":
            torch.cuda.empty_cache()


def follow_run(curve: Curve, end: float) -> None:
    """Train one run for as many of its steps as there is time for, and report its history and probes.

    Its schedule is that of a training of so many steps.
    """
    opened, scale = curve.opened, curve.check.scale
    method = opened.build()
    if not method.trains:
        curve.probe(method, 0)
        return
    training = opened.settings["training"]
    mode: Mode = "on" if opened.device.type == "cuda" or not scale.compiles else "off"
    pace = time_step(opened, method, min(TIMED, training["steps"]), mode)
    probing = SLACK * curve.probe(method, 0)
    left = end - time.monotonic() - scale.points * probing
    if left < pace:
        curve.say("error", error="there was no time left to train it")
        return
    training = shorten(training, int(left / pace))
    steps = training["steps"]
    curve.say("plan", steps=steps, seconds_a_step=pace)
    at = [steps * point // scale.points for point in range(1, scale.points + 1)]
    observer = Observer(curve, method, at, end - probing)
    try:
        train_run(opened, training, method, observer, mode)
    except OutOfTimeError:
        if observer.probed < observer.step:
            curve.probe(method, observer.step)


def time_step(opened: OpenedData, method: Method, steps: int, mode: Mode) -> float:
    """Return the seconds that a step takes once everything is compiled; the method keeps its weights."""
    initial = copy.deepcopy(method.state_dict())
    training = {**opened.settings["training"], "steps": steps}
    seconds = 0.0
    for _ in range(2):
        began = time.monotonic()
        train_run(opened, training, method, mode=mode)
        wait(opened.device)
        seconds = time.monotonic() - began
    method.load_state_dict(initial)
    return seconds / steps
