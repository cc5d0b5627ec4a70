"""Bars: a table's lines as bars of one length's parts, a panel for each section, a part for each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Subject

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table


@dataclass(frozen=True)
class StackedBar:
    """A bar: its label, the length of each part, by column, and its standard deviation over seeds.

    None for the length of a part that was not measured, and for the deviation of one seed.
    """

    label: str
    parts: dict[str, float | None]
    spreads: dict[str, float | None]


@dataclass(frozen=True)
class Bars:
    """A figure of a table whose columns are parts of a whole. x: label of the axis along the bars."""

    x: str

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there are its bars."""
        return True

    def collect(self, table: Table) -> dict[str, list[StackedBar]]:
        """Return the bars of every section, by its name; without those of which nothing was measured."""
        labels = [column.label for column in table.view.columns]
        found: dict[str, list[StackedBar]] = {}
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            means, spreads = [cell.mean for cell in cells], [cell.std for cell in cells]
            if any(mean is not None for mean in means):
                own = (dict(zip(labels, values, strict=True)) for values in (means, spreads))
                found.setdefault(line.section, []).append(StackedBar(line.label, *own))
        return found

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the bars with matplotlib."""
        from workflow_scripts.reporting.shares import plot_bars

        assert subject.table is not None
        return plot_bars(self.collect(subject.table), self.x, subject)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the bars with plotly."""
        from workflow_scripts.reporting.shares import draw_bars

        assert subject.table is not None
        return draw_bars(self.collect(subject.table), self.x)


FIGURE = Bars
