"""A plane: each line of a table as a point, one column along each axis; what a control scores as dotted lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.figures.curves import Floor
from workflow_scripts.reporting.measured import read_values

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table


@dataclass(frozen=True)
class Dot:
    """A point: its section and label, and mean and standard deviation along each axis, 0 where there is one seed."""

    section: str
    label: str
    x: float
    y: float
    x_std: float
    y_std: float


@dataclass(frozen=True)
class Plane:
    """A figure of two columns of a table. x, y: their labels. floor: whose score in each is a dotted line."""

    x: str
    y: str
    floor: Floor | None = None

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The labels of the columns that it needs."""
        return (self.x, self.y)

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there is its plane."""
        return True

    def collect(self, table: Table) -> list[Dot]:
        """Return the points of the lines that have both numbers."""
        labels = [column.label for column in table.view.columns]
        x, y = labels.index(self.x), labels.index(self.y)
        dots = []
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            along, up = cells[x], cells[y]
            if along.mean is not None and up.mean is not None:
                spread = (along.std or 0.0, up.std or 0.0)
                dots.append(Dot(line.section, line.label, along.mean, up.mean, *spread))
        return dots

    def find_floors(self, table: Table) -> tuple[float | None, float | None]:
        """Return what the floor scores along both axes, means over seeds, None where it was not measured."""
        if self.floor is None:
            return None, None
        columns = {column.label: column for column in table.view.columns}
        found = [read_values(table.rows, {**self.floor.select, **columns[name].select}) for name in self.columns]
        x, y = (float(values.mean()) if len(values) else None for values in found)
        return x, y

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the points with matplotlib."""
        from workflow_scripts.reporting.planes import plot_plane

        assert subject.table is not None
        return plot_plane(self.collect(subject.table), self.find_floors(subject.table), self, subject)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the points with plotly."""
        from workflow_scripts.reporting.planes import draw_plane

        assert subject.table is not None
        return str(draw_plane(self.collect(subject.table), self.find_floors(subject.table), self).to_json())


FIGURE = Plane
