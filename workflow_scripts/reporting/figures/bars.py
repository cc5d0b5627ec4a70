"""Bars: a table's lines as bars of one length's parts, a panel for each section, a part for each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Subject

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table


@dataclass(frozen=True)
class Bar:
    """A bar: its label, and the length of each part, by column; None for a part that was not measured."""

    label: str
    parts: dict[str, float | None]


@dataclass(frozen=True)
class Bars:
    """A figure of a table whose columns are parts of a whole. x: label of the axis along the bars."""

    x: str

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there are its bars."""
        return True

    def collect(self, table: Table) -> dict[str, list[Bar]]:
        """Return the bars of every section, by its name; without those of which nothing was measured."""
        found: dict[str, list[Bar]] = {}
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            means = [cell.mean for cell in cells]
            if any(mean is not None for mean in means):
                labels = [column.label for column in table.view.columns]
                bar = Bar(line.label, dict(zip(labels, means, strict=True)))
                found.setdefault(line.section, []).append(bar)
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
        return str(draw_bars(self.collect(subject.table), self.x).to_json())


FIGURE = Bars
