"""What every finding offers: a module's FINDING is a frozen dataclass whose fields are its options in a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from workflow_scripts.reporting.seeds import summarise

if TYPE_CHECKING:
    import pandas as pd

    from workflow_scripts.reporting.measured import Measured

Role = Literal["subject", "rival", "control", "floor"]


@dataclass(frozen=True)
class Bar:
    """One bar of a statement's small figure.

    mean: in the unit of the statement's measure. std: over seeds, None for one seed. role: "subject" is what the
    statement is about, "rival" what it is compared with, "control" what was trained or given the same but for one
    thing, "floor" what is reached without learning anything.
    """

    label: str
    mean: float
    std: float | None
    role: Role


@dataclass(frozen=True)
class Statement:
    """One sentence that rows support.

    headline: it is understandable without its table, has numbers, and stands at the top of the report. measure: what
    its bars show, with the unit. bars: of its small figure, none for a sentence alone. digits: decimals of the bars.
    """

    text: str
    headline: bool = False
    measure: str = ""
    bars: tuple[Bar, ...] = ()
    digits: int = 3


class Finding(Protocol):
    """A kind of finding, with its options."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The settings of runs that it reads, by name: `describe` is given no others."""

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[Statement]:
        """Return statements on one data set; none where there is nothing to say.

        rows: of its test split. measured: its groups, runs and contexts. settings: of methods, by name of run.
        """


def make_bar(label: str, values: pd.Series, role: Role) -> Bar:
    """Return the bar of values by seed, of which there is at least one."""
    return Bar(label, *summarise(values), role)
