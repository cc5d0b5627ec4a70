"""What every figure offers: a module's FIGURE is a frozen dataclass whose fields are its options in a view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import matplotlib.figure

    from workflow_scripts.reporting.cells import Table


@dataclass(frozen=True)
class Subject:
    """What a figure is drawn of.

    scope: a data set, or several. caveat: of their data. table: its view's cells, of a figure that needs them.
    runs: folders of the first seed's runs on the data set; packed: the folder of its data. Of a figure of cells both
    are empty.
    """

    scope: str
    caveat: str
    table: Table | None
    runs: tuple[Path, ...] = ()
    packed: Path = Path()


class FigureKind(Protocol):
    """A kind of figure, with its options. Importing its module imports neither matplotlib nor plotly.

    of_cells: drawn from the cells of its view; otherwise the view has no columns. interactive: drawn with plotly, too.
    """

    of_cells: ClassVar[bool]
    interactive: ClassVar[bool]

    def suits(self, entry: dict[str, Any]) -> bool:
        """Tell whether there is a figure of a data set. entry: see `places.Datasets`."""

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the figure; what it is made of may be absent, and the figure says so."""

    def draw_interactive(self, subject: Subject) -> str:
        """Return the figure as JSON of plotly; only of kinds that are interactive."""
