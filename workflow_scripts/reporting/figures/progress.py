"""Progress: how measures of a table's runs went with the steps of their training, a panel for each measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict

from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.measured import select_rows
from workflow_scripts.reporting.options import Query

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table
    from workflow_scripts.reporting.layouts import Line


@dataclass(frozen=True)
class Panel:
    """A measure: what it is called, with its unit, and the query that, with a line's own, selects its rows."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    label: str
    select: Query


@dataclass(frozen=True)
class Points:
    """A line of a panel: means over seeds by level, and standard deviations, 0 where there is but one seed."""

    label: str
    levels: list[int]
    means: list[float]
    stds: list[float]


@dataclass(frozen=True)
class Progress:
    """A figure of a table's lines.

    panels: beside each other. x: label of the axis that they share. condition: of the rows whose level is the place on
    it. split: "sections" repeats the panels for each section of the table, below each other, those of one measure with
    one scale; without it they show all lines.
    """

    panels: list[Panel]
    x: str = "Step"
    condition: str = "step"
    split: Literal["sections"] | None = None

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there is its progress."""
        return True

    def collect(self, table: Table) -> dict[str, list[Points]]:
        """Return the lines of every panel, by its title; without those that were measured at no level.

        A section of which nothing was measured has no panels; of the others all have.
        """
        sections = list(dict.fromkeys(line.section for line in table.view.lines)) if self.split else [None]
        found: dict[str, list[Points]] = {}
        for section in sections:
            lines = [line for line in table.view.lines if section in (None, line.section)]
            own = {}
            for panel in self.panels:
                points = [self._read_line(table, line, panel) for line in lines]
                title = f"{section}: {panel.label}" if section else panel.label
                own[title] = [line for line in points if line.levels]
            found |= own if any(own.values()) else {}
        return found

    def _read_line(self, table: Table, line: Line, panel: Panel) -> Points:
        """Return what was measured of a line."""
        rows = select_rows(table.rows, {**line.select, **panel.select, "condition": self.condition})
        by_level = rows.groupby("level")["value"]
        means, stds = by_level.mean(), by_level.std(ddof=1).fillna(0.0)
        return Points(line.label, list(map(int, means.index)), list(map(float, means)), list(map(float, stds)))

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the panels with matplotlib."""
        from workflow_scripts.reporting.plots import plot_progress

        assert subject.table is not None
        return plot_progress(self.collect(subject.table), self.x, len(self.panels), subject)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the panels with plotly."""
        from workflow_scripts.reporting.interactive import draw_progress

        assert subject.table is not None
        return draw_progress(self.collect(subject.table), self.x, len(self.panels))


FIGURE = Progress
