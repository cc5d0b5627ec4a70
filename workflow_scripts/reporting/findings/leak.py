"""What JPEG tells of a transformation, in words: whether numbers about predicting it are of images or of the codec.

JPEG rounds in blocks of 8x8 pixels, and not alike along both axes. A rotated image carries that with it, so that a
network can tell the rotation without looking at what is in the image. How much of that is JPEG's is seen on crops of
one size, on the grid of blocks and off it: natural images alone tell as much of the one as of the other. For flips it
may be the other way round: whole blocks have a symmetric grid, crops that cut through blocks have not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.measured import Measured, select_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.options import Query

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


@dataclass(frozen=True)
class LeakFinding:
    """A sentence on each transformation that was measured. Numbers are means over seeds, in percent of test images.

    select: the rows, but for their task, condition and level. condition: of which the level says from which pixel on an
    image is cut, 0 for the whole image as stored. aligned, shifted: levels of crops of one size, on JPEG's grid and off
    it. tasks: those to speak of, none named for all.
    """

    select: Query
    condition: str = "grid shift"
    aligned: int = 8
    shifted: int = 3
    tasks: list[str] = field(default_factory=list)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        own = select_rows(rows, {**self.select, "condition": self.condition})
        sentences = []
        for task in self.tasks or map(str, own["task"].drop_duplicates()):
            means = own[own["task"] == task].groupby("level")["value"].mean()
            levels = dict(zip(map(int, means.index), map(float, means), strict=True))
            if {0, self.aligned, self.shifted} <= levels.keys():
                sentences.append(describe_leak(task, levels[0], levels[self.aligned], levels[self.shifted]))
        return sentences


def describe_leak(task: str, stored: float, aligned: float, shifted: float) -> str:
    """Say how often a classifier tells a transformation from traces of JPEG [percent], and what follows."""
    gap = aligned - shifted
    kind = "none" if gap <= -LITTLE else "much" if gap >= MUCH else "part" if gap >= LITTLE else "little"
    verdict = VERDICTS[kind].format(task=task)
    return (
        f"JPEG and {task}: a linear classifier that sees only traces of JPEG's grid is right about "
        f"{format_number(stored, 1)} % of the test images as stored (chance: {CHANCE:.0f} %). Of crops of one size it "
        f"is right about {format_number(aligned, 1)} % on the grid and {format_number(shifted, 1)} % off it: {verdict}."
    )


FINDING = LeakFinding
