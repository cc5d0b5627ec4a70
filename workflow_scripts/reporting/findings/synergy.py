"""For which transformations the class helps most to tell them, in words, with the control beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, select_rows
from workflow_scripts.reporting.seeds import compare, join, show, show_range, summarise

if TYPE_CHECKING:
    import pandas as pd

Values = dict[str, "pd.Series"]  # by task, by seed
NAMED = 3  # transformations named in the headline
DRAWN = 4  # and in its figure


@dataclass(frozen=True)
class Estimates:
    """What knowing the class adds [nats] in the probes of one run: with the true class, and with a shuffled one."""

    run: str
    true: Values
    shuffled: Values

    @property
    def order(self) -> list[str]:
        """Transformations, that of the highest estimate first."""
        return sorted(self.true, key=lambda task: -float(self.true[task].mean()))

    def is_clear(self, task: str) -> bool:
        """Tell whether the class adds more than a shuffled class adds or takes of the same transformation.

        A shuffled class is an input of no use, which costs a probe more the harder the transformation is to tell: each
        has its own noise.
        """
        return task in self.shuffled and compare(self.true[task], self.shuffled[task].abs()) > 0


@dataclass(frozen=True)
class SynergyFinding:
    """A sentence on each run that has estimates, and a headline on all. Numbers are in nats.

    metric, control: of the estimates with the true and with a shuffled class. representation: that they are of.
    """

    metric: str = "information"
    control: str = "information_shuffled"
    representation: str = "h"

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        found = []
        for run in measured.runs:
            own = {**run.select, "representation": self.representation}
            true, shuffled = (self._read_tasks(rows, {**own, "metric": name}) for name in (self.metric, self.control))
            if true and shuffled:
                found.append(Estimates(run.name, true, shuffled))
        return [describe_all(found), *(Statement(describe_order(own)) for own in found)] if found else []

    def _read_tasks(self, rows: pd.DataFrame, select: dict[str, Any]) -> Values:
        own = select_rows(rows, select)
        return {str(task): part.set_index("seed")["value"] for task, part in own.groupby("task", observed=True)}


def describe_order(found: Estimates) -> str:
    """Say in which order the class helps with the transformations, and with which beyond the control."""
    clear = [task for task in found.order if found.is_clear(task)]
    listed = ", ".join(f"{task} {show(found.true[task], 4)}" for task in found.order)
    sentence = f"{found.run}: what knowing the class adds, in nats: {listed}"
    if not clear:
        return f"{sentence}; for no task is it more than what a shuffled class adds or takes: nothing is measured."
    return f"{sentence}; more than what a shuffled class adds or takes of the same task: {', '.join(clear)}."


def describe_all(found: list[Estimates]) -> Statement:
    """Say in one sentence for which transformations the class helps the probes of how many runs."""
    tasks = list(dict.fromkeys(task for own in found for task in own.order))
    clear = {task: [own for own in found if task in own.true and own.is_clear(task)] for task in tasks}
    order = sorted((task for task in tasks if clear[task]), key=lambda task: -len(clear[task]))
    own = max(found, key=lambda own: sum(map(own.is_clear, own.true)))
    bars: list[Bar] = []
    for task in (order or own.order)[:DRAWN]:
        if task in own.true:
            bars.append(make_bar(f"{task}, class told", own.true[task], "subject"))
            bars.append(make_bar(f"{task}, another class told", own.shuffled[task], "control"))
    measure = f"what it adds for {own.run} [nats]"
    if not order:
        highest = max(summarise(entry.true[task])[0] for entry in found for task in entry.true)
        text = (
            f"For no transformation does being told the class help a probe by more than being told another class "
            f"does: at most {highest:.2f} nats in {_count(len(found), len(found))}"
        )
        return Statement(f"{text}.", True, measure, tuple(bars))
    parts = []
    for task in order[:NAMED]:
        means = [float(entry.true[task].mean()) for entry in clear[task]]
        parts.append(f"{task} in {_count(len(means), len(found))} (by {show_range(means, 2)} nats)")
    rest = len(tasks) - len(order[:NAMED])
    more = len(order) - len(parts)
    text = f"Being told an image's class helps a probe to tell {join(parts)}, more than being told another class"
    if rest:
        text += f"; of the other {rest} transformations it does so for {more or 'none'}"
    return Statement(f"{text}.", True, measure, tuple(bars))


def _count(some: int, count: int) -> str:
    if count == 1:
        return "the only encoder measured"
    return f"all {count} encoders" if some == count else f"{some} of {count} encoders"


FINDING = SynergyFinding
