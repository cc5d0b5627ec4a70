"""Types of settings: what a number or a list may be, said once where the setting is declared.

The schemas of configs are generated from the dataclasses that use them (`make schemas`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen

Count = Annotated[int, Ge(1)]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
Weight = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Widths = Annotated[list[Count], MinLen(1)]


@dataclass(frozen=True)
class NoSettings:
    """The settings of what has none."""
