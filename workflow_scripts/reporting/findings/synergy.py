"""For which transformations the class helps most to tell them, in words, with the control beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.measured import Measured, select_rows
from workflow_scripts.reporting.numbers import format_number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SynergyFinding:
    """A sentence on each run that has estimates. Numbers are means over seeds, in nats.

    metric, control: of the estimates with the true and with a shuffled class. representation: that they are of.
    """

    metric: str = "information"
    control: str = "information_shuffled"
    representation: str = "h"

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        sentences = []
        for run in measured.runs:
            own = {**run.select, "representation": self.representation}
            found = self._read_tasks(rows, {**own, "metric": self.metric})
            control = self._read_tasks(rows, {**own, "metric": self.control})
            if found and control:
                sentences.append(describe_order(run.name, found, control))
        return sentences

    def _read_tasks(self, rows: pd.DataFrame, select: dict[str, Any]) -> dict[str, float]:
        """Return the means over seeds by task."""
        means = select_rows(rows, select).groupby("task", observed=True)["value"].mean()
        return {str(task): float(value) for task, value in means.items()}


def describe_order(run: str, found: dict[str, float], control: dict[str, float]) -> str:
    """Say in which order the class helps with the tasks, and with which beyond the control of the same task.

    A shuffled class is an input of no use, which costs a probe more the harder the task: each task has its own noise.
    """
    order = sorted(found, key=lambda task: -found[task])
    clear = [task for task in order if found[task] > abs(control.get(task, float("inf")))]
    listed = ", ".join(f"{task} {format_number(found[task], 4)}" for task in order)
    sentence = f"{run}: what knowing the class adds, in nats: {listed}"
    if not clear:
        return f"{sentence}; for no task is it more than what a shuffled class adds or takes: nothing is measured."
    return f"{sentence}; more than what a shuffled class adds or takes of the same task: {', '.join(clear)}."


FINDING = SynergyFinding
