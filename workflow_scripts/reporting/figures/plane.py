"""A plane: each line of a table as a point, one column along each axis; what a control scores as dotted lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.reporting.figures.base import Floor, Subject
from workflow_scripts.reporting.layouts import CONTROL
from workflow_scripts.reporting.measured import read_values
from workflow_scripts.reporting.options import Query

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table
    from workflow_scripts.reporting.layouts import Line

Floors = tuple[float | None, float | None]  # along x, along y


@dataclass(frozen=True)
class Dot:
    """A point: its section and label, and mean and standard deviation along each axis, 0 where there is one seed.

    is_joined: a line leads from it to the other points of one run.
    """

    section: str
    label: str
    x: float
    y: float
    x_std: float = 0.0
    y_std: float = 0.0
    is_joined: bool = False

    @property
    def is_control(self) -> bool:
        """Whether it is no method's."""
        return self.section == CONTROL


@dataclass(frozen=True)
class Field:
    """A panel: its title, "" for the only one, its points, and what is worth nothing along both axes, None unknown."""

    title: str
    dots: list[Dot]
    floors: Floors

    def list_best(self) -> list[Dot]:
        """Return the points of methods that are highest along x, and along y."""
        methods = [dot for dot in self.dots if not dot.is_control]
        if not methods:
            return []
        return list(dict.fromkeys((max(methods, key=lambda dot: dot.x), max(methods, key=lambda dot: dot.y))))


@dataclass(frozen=True)
class Plane:
    """A figure of two columns of a table.

    x, y: their labels. floor: whose score in each is a dotted line. published: true where published values have a panel
    of their own beside the measured ones, with the same axes and their own benchmark's floors. join: a query; the lines
    that select all of it are points of one run, and joined. best: true where the highest points along each axis are
    ringed.
    """

    x: str
    y: str
    floor: Floor | None = None
    published: bool = False
    join: Query | None = None
    best: bool = False

    of_cells: ClassVar[bool] = True
    interactive: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The labels of the columns that it needs."""
        return (self.x, self.y)

    def suits(self, entry: dict[str, Any]) -> bool:
        """Return True: where there is a table, there is its plane."""
        return True

    def collect(self, table: Table) -> list[Field]:
        """Return the panels with the points of the lines that have both numbers; none without such a line."""
        labels = [column.label for column in table.view.columns]
        x, y = labels.index(self.x), labels.index(self.y)
        measured, published = [], []
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            along, up, joined = cells[x], cells[y], self._joins(line)
            if along.mean is not None and up.mean is not None:
                place = (along.mean, up.mean, along.std or 0.0, up.std or 0.0)
                measured.append(Dot(line.section, line.label, *place, joined))
            if along.published is not None and up.published is not None:
                published.append(Dot(line.section, line.label, along.published, up.published, is_joined=joined))
        if not measured:
            return []
        if not self.published or not published:
            return [Field("", measured, self.find_floors(table))]
        floors = table.view.floors.get(self.x), table.view.floors.get(self.y)
        return [Field("Published", published, floors), Field("Measured here", measured, self.find_floors(table))]

    def _joins(self, line: Line) -> bool:
        """Tell whether a line is of the run whose points are joined."""
        wanted = {"variant": "", **(self.join or {})}
        return self.join is not None and {"variant": "", **line.select}.items() >= wanted.items()

    def find_floors(self, table: Table) -> Floors:
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
        return plot_plane(self.collect(subject.table), self, subject)

    def draw_interactive(self, subject: Subject) -> str:
        """Draw the points with plotly."""
        from workflow_scripts.reporting.planes import draw_plane

        assert subject.table is not None
        return draw_plane(self.collect(subject.table), self)


def list_labels_of(fields: Iterable[Field]) -> list[str]:
    """Return the labels of methods in any panel, in their order."""
    return list(dict.fromkeys(dot.label for field in fields for dot in field.dots if not dot.is_control))


FIGURE = Plane
