"""What every figure offers: a module's FIGURE is a frozen dataclass whose fields are its options in a view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import ConfigDict

from workflow_scripts.reporting.options import Query

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

    @property
    def about(self) -> str:
        """What its data are, as a sentence."""
        return f"{self.scope}: {self.caveat.rstrip('.')}." if self.caveat else f"{self.scope}."


@dataclass(frozen=True)
class Floor:
    """What something without use scores, as a dotted line: `select` finds it. label: its name in the legend."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    label: str
    select: Query


class FigureKind(Protocol):
    """A kind of figure, with its options. Importing its module imports neither matplotlib nor plotly.

    of_cells: drawn from the cells of its view; otherwise the view has no columns. interactive: of lines and text, not
    of images: drawn as SVG and with plotly, too.
    """

    of_cells: ClassVar[bool]
    interactive: ClassVar[bool]

    def suits(self, entry: dict[str, Any]) -> bool:
        """Tell whether there is a figure of a data set. entry: see `places.Datasets`."""

    def draw(self, subject: Subject) -> matplotlib.figure.Figure:
        """Draw the figure; what it is made of may be absent, and the figure says so."""

    def draw_interactive(self, subject: Subject) -> str:
        """Return the figure as JSON of plotly; only of kinds that are interactive."""
