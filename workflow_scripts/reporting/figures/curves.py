"""Curves: a table's lines over its columns, a panel for each section; published values dashed."""

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


@dataclass(frozen=True)
class Floor:
    """A dotted line in each panel: what `select` scores in the section's task. label: its name in the legend."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    label: str
    select: Query


@dataclass(frozen=True)
class Curves:
    """A figure of a table.

    x, y: labels of the axes. floor: a line that is the same for all columns; sections are tasks then. split: "variants"
    gives a panel to each family of variants (`mask50` is of the family `mask`), beside the run without a variant.
    scales: "own" gives each panel a scale of its own.
    """

    x: str
    y: str
    floor: Floor | None = None
    split: Literal["variants"] | None = None
    scales: Literal["own"] | None = None

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there are its curves."""
        return True

    def make_floors(self, table: Table) -> dict[str, float]:
        """Return by section the mean of what the floor selects, where it was measured."""
        if self.floor is None:
            return {}
        sections = dict.fromkeys(line.section for line in table.view.lines)
        found = {name: select_rows(table.rows, {**self.floor.select, "task": name})["value"] for name in sections}
        return {name: float(values.mean()) for name, values in found.items() if len(values)}

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the lines with matplotlib."""
        from workflow_scripts.reporting.plots import plot_curves

        assert subject.table is not None
        return plot_curves(subject.table, self)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the lines with plotly."""
        from workflow_scripts.reporting.interactive import draw_curves

        assert subject.table is not None
        return str(draw_curves(subject.table, self).to_json())


FIGURE = Curves
