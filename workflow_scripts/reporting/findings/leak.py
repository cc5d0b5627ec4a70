"""What JPEG tells of a transformation, in words: whether numbers about predicting it are of images or of the codec.

JPEG rounds in blocks of 8x8 pixels, and not alike along both axes. A rotated image carries that with it, so that a
network can tell the rotation without looking at what is in the image; the same images with the grid shifted show how
much natural images alone give away. For flips it may be the other way round: an image of whole blocks has a symmetric
grid, one that is cropped off the grid has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow_scripts.reporting.measured import Measured, select_rows
from workflow_scripts.reporting.numbers import format_number
from workflow_scripts.reporting.options import Query

if TYPE_CHECKING:
    import pandas as pd

# Points that a classifier may lose by the shift of the grid (ours). The 2x2 averages of two JPEG data sets lose 3 to 5,
# which is about the spread over classifiers; those data sets themselves 21 and more.
LITTLE, MUCH = 5.0, 10.0
CHANCE = 50.0

VERDICTS = {
    "much": "numbers about predicting {task} on these data are confounded, for a network may have read the codec",
    "part": "a part of what predicts {task} on these data may be the codec",
    "little": "the codec tells little of {task} beyond what the images themselves do",
    "none": "images of whole blocks do not give {task} away, but crops that cut through blocks would",
}


@dataclass(frozen=True)
class LeakFinding:
    """A sentence on each transformation that was measured. Numbers are means over seeds, in percent of test images.

    select: the rows, but for their task, condition and level. condition: of which the level says how far the grid was
    shifted [pixels], 0 for the images as stored. tasks: those to speak of, none named for all.
    """

    select: Query
    condition: str = "grid shift"
    tasks: list[str] = field(default_factory=list)

    reads = ()

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """See `Finding`."""
        own = select_rows(rows, {**self.select, "condition": self.condition})
        sentences = []
        for task in self.tasks or map(str, own["task"].drop_duplicates()):
            means = own[own["task"] == task].groupby("level")["value"].mean()
            levels = dict(zip(map(int, means.index), map(float, means), strict=True))
            shift = max(levels, default=0)
            if 0 in levels and shift > 0:
                sentences.append(describe_leak(task, levels[0], shift, levels[shift]))
        return sentences


def describe_leak(task: str, aligned: float, shift: int, shifted: float) -> str:
    """Say how often a classifier tells a transformation from traces of JPEG, and what follows."""
    gap = aligned - shifted
    kind = "none" if gap <= -LITTLE else "much" if gap >= MUCH else "part" if gap >= LITTLE else "little"
    verdict = VERDICTS[kind].format(task=task)
    return (
        f"JPEG and {task}: a linear classifier that sees only traces of JPEG's grid is right about "
        f"{format_number(aligned, 1)} % of the test images (chance: {CHANCE:.0f} %), and about "
        f"{format_number(shifted, 1)} % with the grid shifted by {shift} pixels: {verdict}."
    )


FINDING = LeakFinding
