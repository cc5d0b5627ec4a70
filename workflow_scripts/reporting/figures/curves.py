"""Curves: a table's lines over its columns, a panel for each section; published values dashed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workflow_scripts.reporting.figures.base import Floor, Subject
from workflow_scripts.reporting.measured import select_rows

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table
    from workflow_scripts.reporting.layouts import Line, View


@dataclass(frozen=True)
class Curves:
    """A figure of a table.

    x, y: labels of the axes. Columns whose labels are numbers stand at their logarithms, see `place_columns`. floor: a
    line that is the same for all columns; sections are tasks then. Where the paper says what the published benchmark's
    floor is, there is a second one, for the published values. split: "variants" gives a panel to each family of
    variants (`mask50` is of the family `mask`), beside the run without a variant. scales: "own" gives each panel a
    scale of its own.
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

    def list_panels(self, view: View) -> list[tuple[str, str]]:
        """Return the section and the family of variants of every panel, family by family; "" for all variants."""
        sections = dict.fromkeys(line.section for line in view.lines)
        families = [""]
        if self.split == "variants":
            families = [family for family in dict.fromkeys(map(get_family, view.lines)) if family] or [""]
        return [(section, family) for family in families for section in sections]

    def choose_columns(self, panels: list[tuple[str, str]]) -> int:
        """Return how many panels stand beside each other: of all sections, but two where four would stand alone."""
        count = len(dict.fromkeys(section for section, _ in panels))
        return 2 if count == len(panels) > 3 else count

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the lines with matplotlib."""
        from workflow_scripts.reporting.plots import plot_curves

        assert subject.table is not None
        return plot_curves(subject.table, self, subject)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the lines with plotly."""
        from workflow_scripts.reporting.interactive import draw_curves

        assert subject.table is not None
        return draw_curves(subject.table, self)


def place_columns(labels: list[str]) -> list[float]:
    """Return where columns stand along the axis: numbers n at log2(1 + n), which shows 0, too; others evenly."""
    if any(re.fullmatch(r"\d+", label) is None for label in labels):
        return [float(place) for place in range(len(labels))]
    return [math.log2(1 + int(label)) for label in labels]


def get_family(line: Line) -> str:
    """Return the letters that a line's variant begins with, "" without a variant."""
    found = re.match("[a-z]*", str(line.select.get("variant", "")))
    return found[0] if found else ""


def is_shown(line: Line, section: str, family: str) -> bool:
    """Tell whether a panel shows a line: of its section and family; lines without a variant stand in every family."""
    return line.section == section and (not family or get_family(line) in ("", family))


FIGURE = Curves
