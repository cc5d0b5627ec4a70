"""What every finding offers: a module's FINDING is a frozen dataclass whose fields are its options in a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from workflow_scripts.reporting.measured import Measured


class Finding(Protocol):
    """A kind of finding, with its options."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The settings of runs that it reads, by name: `describe` is given no others."""

    def describe(self, rows: pd.DataFrame, measured: Measured, settings: dict[str, dict[str, Any]]) -> list[str]:
        """Return sentences on one data set; none where there is nothing to say.

        rows: of its test split. measured: its groups, runs and contexts. settings: of methods, by name of run.
        """
