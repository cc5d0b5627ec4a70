"""Tabular data: rows with features, a sensitive one among them, as objects of one view.

A source of tabular data (UCI Adult, MIMIC-III) is read into a `Table`; `TableReader` makes of it what packing
asks of every reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table of N rows, each an object.

    features: (N rows) all that a model may see, the sensitive column included; boolean and numeric columns, and
        columns of strings for what is categorical. No missing values: what is unknown is a category, or is imputed.
    sensitive: name of the column of two categories whose change is the action.
    label: (N,) str, the invariant task. classes: its two values, the positive one second.
    attributes: further targets (N,) str by name, e.g. treatment; `features` do not hold them.
    splits: (N,) uint8, `reading.TRAIN` and `reading.VAL`. objects: (N,) str ids.
    counts: how many rows were left after each step that made the table, in order.
    """

    features: pd.DataFrame
    sensitive: str
    label: np.ndarray
    classes: tuple[str, str]
    splits: np.ndarray
    objects: np.ndarray
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    caveat: str = ""
