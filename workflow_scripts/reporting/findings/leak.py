"""What JPEG tells of a transformation, in words: whether numbers about predicting it are of images or of the codec.

JPEG rounds in blocks of 8x8 pixels, and not alike along both axes. A rotated image carries that with it, so that a
network can tell the rotation without looking at what is in the image. How much of that is JPEG's is seen on crops of
one size, on the grid of blocks and off it: natural images alone tell as much of the one as of the other. For flips it
may be the other way round: whole blocks have a symmetric grid, crops that cut through blocks have not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.findings.base import Bar, Statement, make_bar
from workflow_scripts.reporting.measured import Measured, read_values, select_rows
from workflow_scripts.reporting.options import Query
from workflow_scripts.reporting.seeds import join, show

if TYPE_CHECKING:
    import pandas as pd

# Points between crops on the grid and off it (ours). Of rotation, with 3,000 images to learn from: -4 to +1 on the 2x2
# averages of two JPEG data sets, whose grid is hardly left; 16 to 31 on those data sets themselves.
LITTLE, MUCH = 5.0, 10.0
CHANCE = 50.0

VERDICTS = {
    "much": "numbers about predicting {task} on these data are confounded, for a network may have read the codec",
    "part": "a part of what predicts {task} on these data may be the codec",
    "little": "the codec tells little of {task} beyond what the images themselves do",
    "none": "the codec does not give {task} away in images as stored, but would in crops that cut through blocks",
}
CLAUSES = {  # of a headline, by the same kinds
    "much": "tells {tasks} much better in crops on the grid than off it ({numbers}), which confounds numbers on it",
    "part": "tells {tasks} somewhat better in crops on the grid than off it ({numbers})",
    "little": "tells {tasks} hardly better in crops on the grid than off it ({numbers}), so little of it is JPEG's",
    "none": "tells {tasks} better in crops that cut through blocks than in images as stored ({numbers})",
}


@dataclass(frozen=True)
class MeasuredLeak:
    """How often traces of JPEG tell a transformation [percent], by seed: as stored, in crops on the grid and off it."""

    task: str
    stored: pd.Series
    aligned: pd.Series
    shifted: pd.Series

    @property
    def kind(self) -> str:
        """How much of it is JPEG's, one of `VERDICTS`."""
        gap = float(self.aligned.mean() - self.shifted.mean())
        return "none" if gap <= -LITTLE else "much" if gap >= MUCH else "part" if gap >= LITTLE else "little"


@dataclass(frozen=True)
class LeakFinding:
    """A sentence on each transformation that was measured, and a headline on all.

    select: the rows, but for their task, condition and level. condition: of which the level says from which pixel on an
    image is cut, 0 for the whole image as stored. aligned, shifted: levels of crops of one size, on JPEG's grid and off
    it. tasks: those to speak of, none named for all. headline: false in tables beside one that has it.
    """

    select: Query
    condition: str = "grid shift"
    aligned: int = 8
    shifted: int = 3
    tasks: list[str] = field(default_factory=list)
    headline: bool = True

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """See `Finding`."""
        select = {**self.select, "condition": self.condition}
        leaks = []
        for task in self.tasks or self._list_tasks(rows):
            levels = (0, self.aligned, self.shifted)
            found = [read_values(rows, {**select, "task": task, "level": level}) for level in levels]
            if not any(values.empty for values in found):
                leaks.append(MeasuredLeak(task, *found))
        headline = [describe_leaks(leaks)] if leaks and self.headline else []
        return [*headline, *(Statement(describe_leak(leak)) for leak in leaks)]

    def _list_tasks(self, rows: pd.DataFrame) -> list[str]:
        own = select_rows(rows, {**self.select, "condition": self.condition})
        return list(map(str, own["task"].drop_duplicates()))


def describe_leak(leak: MeasuredLeak) -> str:
    """Say how often a classifier tells a transformation from traces of JPEG, and what follows."""
    return (
        f"JPEG and {leak.task}: a linear classifier that sees only traces of JPEG's grid is right about "
        f"{show(leak.stored, 1)} % of the test images as stored (chance: {CHANCE:.0f} %). Of crops of one size it is "
        f"right about {show(leak.aligned, 1)} % on the grid and {show(leak.shifted, 1)} % off it: "
        f"{VERDICTS[leak.kind].format(task=leak.task)}."
    )


def describe_leaks(leaks: list[MeasuredLeak]) -> Statement:
    """Say in one sentence which transformations JPEG gives away."""
    clauses, bars = [], []
    for kind, clause in CLAUSES.items():
        own = [leak for leak in leaks if leak.kind == kind]
        pairs = [(leak.shifted, leak.stored) if kind == "none" else (leak.aligned, leak.shifted) for leak in own]
        numbers = [f"{show(first, 1)} % against {show(second, 1)} %" for first, second in pairs]
        if own:
            clauses.append(clause.format(tasks=join([leak.task for leak in own]), numbers="; ".join(numbers)))
        for leak in own:
            bars.append(make_bar(f"{leak.task}, crops on the grid", leak.aligned, "subject"))
            bars.append(make_bar(f"{leak.task}, crops off the grid", leak.shifted, "control"))
            bars.append(make_bar(f"{leak.task}, as stored", leak.stored, "rival"))
    bars.append(Bar("chance", CHANCE, None, "floor"))
    text = f"A classifier of nothing but traces of JPEG's grid (chance: {CHANCE:.0f} %) {'; it '.join(clauses)}."
    return Statement(text, True, "test images told right [%]", tuple(bars), 1)


FINDING = LeakFinding
