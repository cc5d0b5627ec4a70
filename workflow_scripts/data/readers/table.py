"""Tabular data: rows with features, a sensitive one among them, as objects of one view.

A source of tabular data (UCI Adult, MIMIC-III) is read into a `FeatureTable`; `TableReader` makes of it what packing
asks of every reader: a row of numbers, in which a category is its position among the column's categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.data.readers.base import TRAIN, Normalisation
from workflow_scripts.support.errors import UserError

if TYPE_CHECKING:
    import pandas as pd  # which every training of images would wait for


@dataclass(frozen=True)
class FeatureTable:
    """A table of N rows, each an object.

    features: (N rows) all that a model may see, the sensitive column included; boolean and numeric columns, and
        columns of strings for what is categorical. No missing values: what is unknown is a category, or is imputed.
    sensitive: name of the column of two categories whose change is the action.
    label: (N,) str, the invariant task. classes: its two values, the positive one second.
    attributes: further targets (N,) str by name, e.g. treatment; `features` do not hold them.
    splits: (N,) uint8, `TRAIN` and `TEST`. objects: (N,) str ids.
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


@dataclass(frozen=True)
class Feature:
    """A column of a packed table.

    categories: of a categorical column, whose packed value is a position among them; of a number or a flag none.
    mean, std: of the training rows, by which a number was standardised; of others 0 and 1.
    """

    name: str
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0


class TableReader:
    """A table, standardised and coded on its training rows; see `readers.base.Reader`.

    Raises `UserError` for a number that is not finite, and where the sensitive column, or a split, has nothing to tell.
    """

    views = 1
    normalisation: Normalisation | None = None
    official_classes: int | None = None
    is_published = False

    def __init__(self, table: FeatureTable) -> None:
        order = np.argsort(table.splits, kind="stable")  # training rows first
        train = table.splits[order] == TRAIN
        if train.all() or not train.any():
            raise UserError(f"the table has no {'test' if train.all() else 'training'} row; get the data set again")
        self.classes: Sequence[str] = table.classes
        self.objects, self.splits = table.objects[order].astype(str), table.splits[order]
        self.labels = np.array([table.classes.index(value) for value in table.label[order]], dtype=np.int64)
        features = table.features.iloc[order]
        self._columns = [make_column(features[name], train) for name in features]
        refuse_other_than_two(self._columns, table.sensitive)
        self._rows = np.stack([self._code(features[column.name], column) for column in self._columns], axis=1)
        self.columns = [asdict(column) for column in self._columns]
        targets = {table.sensitive: features[table.sensitive].to_numpy()}
        targets |= {name: values[order] for name, values in table.attributes.items()}
        self.latent_names: Sequence[str] = list(targets)
        codes = [np.unique(values.astype(str), return_inverse=True)[1] for values in targets.values()]
        self._latents = np.stack(codes, axis=1).astype(np.float32)
        self.counts, self.caveat = table.counts, table.caveat

    def _code(self, values: pd.Series, column: Feature) -> np.ndarray:
        """Return a column's packed values (N,) float32. Raises `UserError` where they cannot be standardised."""
        with np.errstate(over="ignore", invalid="ignore"):
            coded = code(values, column)
        if not (np.isfinite(coded).all() and np.isfinite([column.mean, column.std]).all()):
            given = values.to_numpy(dtype=np.float64)
            # One such value spoils the mean, and by it all rows: name the one that is none, or the largest.
            row = int(np.nan_to_num(np.abs(given), nan=np.inf).argmax())
            raise UserError(
                f"the row {self.objects[row]} of the table has the {column.name} {given[row]}, which cannot be "
                "standardised; the table is damaged: get it again"
            )
        return coded

    def check(self, index: int) -> None:
        """Do nothing: the table was read when the reader was made."""

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return a row (1, C) float32 and its latents (1, L) float32: codes of the sensitive column and attributes."""
        return self._rows[index][None], self._latents[index][None]


def make_column(values: pd.Series, train: np.ndarray) -> Feature:
    """Describe a column by its training rows, `train` (N,) bool."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    name, seen = str(values.name), values[train]
    if is_bool_dtype(values):
        return Feature(name)
    if is_numeric_dtype(values):
        return Feature(name, mean=float(seen.mean()), std=float(seen.std(ddof=0)) or 1.0)
    return Feature(name, categories=tuple(sorted(seen.unique())))


def refuse_other_than_two(columns: list[Feature], sensitive: str) -> None:
    """Raise `UserError` unless the training rows have two values of the sensitive column."""
    (seen,) = (column.categories for column in columns if column.name == sensitive)
    if len(seen) != 2:
        raise UserError(
            f"the training rows have {len(seen)} values of {sensitive} ({', '.join(seen[:5])}), the sensitive column, "
            "which must have two; the table is damaged: get it again"
        )


def code(values: pd.Series, column: Feature) -> np.ndarray:
    """Return a column's packed values (N,) float32."""
    if column.categories:
        import pandas as pd

        return np.asarray(pd.Index(column.categories).get_indexer(pd.Index(values)), dtype=np.float32)
    return ((values.to_numpy(dtype=np.float64) - column.mean) / column.std).astype(np.float32)
