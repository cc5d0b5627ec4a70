"""Nearest images: which ones are near a few queries, as they are, turned, or of another hue.

Drawn from what evaluations exhibit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Subject

if TYPE_CHECKING:
    import matplotlib.figure


@dataclass(frozen=True)
class ImageNeighboursFigure:
    """A figure without a table.

    evaluator: the one whose exhibits it shows. representations: that have a line each, where a run has them. runs:
    names of those that are shown, such as `simclr` or `simclr~long`; null = all that there are.
    """

    evaluator: str = "image_neighbours"
    representations: tuple[str, ...] = ("h",)
    runs: tuple[str, ...] | None = None

    of_cells: ClassVar[bool] = False
    interactive: ClassVar[bool] = False

    def suits(self, entry: dict[str, Any]) -> bool:
        """Tell whether views are made of a stored image, which can be shown changed."""
        return entry["views"] in ("augmented", "transformable")

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw a block of lines for each query and change, one line a run."""
        from workflow_scripts.reporting.image_neighbours import plot_image_neighbours

        return plot_image_neighbours(subject, self.evaluator, self.representations, self.runs)

    def draw_interactive(self, subject: Subject) -> str:
        """There is none."""
        raise NotImplementedError


FIGURE = ImageNeighboursFigure
