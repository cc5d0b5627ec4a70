"""Nearest neighbours: what predictions retrieve for a few queries, as images. Drawn from what evaluations exhibit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Subject

if TYPE_CHECKING:
    import matplotlib.figure


@dataclass(frozen=True)
class NeighboursFigure:
    """A figure without a table. evaluator: the one whose exhibits it shows."""

    evaluator: str = "neighbours"

    of_cells: ClassVar[bool] = False
    interactive: ClassVar[bool] = False

    def suits(self, entry: dict[str, Any]) -> bool:
        """Tell whether the views are stored, so that there are images of them to show."""
        return bool(entry["views"] == "stored")

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw a row of images for each query."""
        from workflow_scripts.reporting.neighbours import plot_neighbours

        return plot_neighbours(subject, self.evaluator)

    def draw_interactive(self, subject: Subject) -> str:
        """There is none."""
        raise NotImplementedError


FIGURE = NeighboursFigure
