"""The CSV files of a MIMIC-III v1.4 folder (Johnson et al. 2016), however they are written.

A table may be `PATIENTS.csv` or `patients.csv`, gzipped or not, with column names in upper case (the credentialed
release) or lower case (the demo). Tables of hundreds of millions of cells are read in chunks, needed columns only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.support.errors import UserError

CHUNK_ROWS = 200_000  # of five or six short columns: some 100 MB
# What pandas raises for damaged files: its parser and decoding errors are ValueErrors, a bad gzip file is an OSError.
DAMAGE = (ValueError, OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class CsvTable:
    """One table of the folder; columns are called by their names in lower case."""

    path: Path

    def chunks(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the given columns in that order, all of them text (empty cells are missing values).

        Identifiers and codes stay text, for codes have leading zeros. Raises `UserError` for an absent column or a
        damaged file.
        """
        try:
            header = {str(name).strip().lower(): name for name in pd.read_csv(self.path, nrows=0).columns}
            if absent := [name for name in columns if name not in header]:
                raise UserError(
                    f"{self.path} has no column {absent[0].upper()}; take the file of MIMIC-III v1.4 as published"
                )
            with pd.read_csv(
                self.path,
                usecols=[header[name] for name in columns],
                dtype=str,
                keep_default_na=False,
                na_values=[""],
                chunksize=CHUNK_ROWS,
            ) as reader:
                for chunk in reader:
                    yield chunk[[header[name] for name in columns]].set_axis(list(columns), axis=1)
        except DAMAGE as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self.path} cannot be read ({reason}); get that file of MIMIC-III again") from None

    def read(self, columns: Sequence[str], required: Sequence[str]) -> pd.DataFrame:
        """Return the given columns in one frame.

        Raises `UserError` if a `required` column has an empty cell, or the first one of them a value twice.
        """
        frame = pd.concat(self.chunks(columns), ignore_index=True)
        for name in required:
            if frame[name].isna().any():
                row = int(frame[name].isna().to_numpy().argmax()) + 1
                raise UserError(f"{self.path} has no {name.upper()} in row {row}; get that file of MIMIC-III again")
        if (twice := frame[required[0]].duplicated()).any():
            raise UserError(
                f"{self.path} has {required[0].upper()} {frame[required[0]][twice].iloc[0]} twice; "
                "get that file of MIMIC-III again"
            )
        return frame

    def times(self, values: pd.Series) -> pd.Series:
        """Return text as datetime64[s]: a span of 300 years, which MIMIC uses, does not fit into nanoseconds."""
        try:
            times = pd.to_datetime(values, format="ISO8601").astype("datetime64[s]")
        except (ValueError, OverflowError) as error:
            raise self._mistyped(values, "times", error) from None
        return self._refuse_wrong(values, times, times.notna(), "times")

    def numbers(self, values: pd.Series, lowest: float = -np.inf) -> pd.Series:
        """Return text as float64, finite where there is any. lowest: that a number may be."""
        try:
            numbers = pd.to_numeric(values).astype("float64")
        except ValueError as error:
            raise self._mistyped(values, "numbers", error) from None
        return self._refuse_wrong(values, numbers, numbers.abs().lt(np.inf) & numbers.ge(lowest), "numbers")

    def _refuse_wrong(self, texts: pd.Series, values: pd.Series, sound: pd.Series, wanted: str) -> pd.Series:
        """Return the values. Raises `UserError` where one that has a text is not sound, such as "nan" or "inf"."""
        if (wrong := texts.notna() & ~sound).any():
            raise self._mistyped(texts, wanted, ValueError(repr(texts[wrong].iloc[0])))
        return values

    def _mistyped(self, values: pd.Series, wanted: str, error: Exception) -> UserError:
        reason = " ".join(str(error).split()[:12])
        return UserError(
            f"{self.path} has other values than {wanted} in column {str(values.name).upper()} ({reason}); "
            "get that file of MIMIC-III again"
        )


def find_table(folder: Path, name: str) -> CsvTable | None:
    """Return a table by its official name in upper case, or None. An unpacked file goes before a gzipped one."""
    try:
        files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"there is no folder {folder}; give the folder of MIMIC-III's CSV files") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}); give a folder that you may read") from None
    for ending in (".csv", ".csv.gz"):
        if path := files.get(name.lower() + ending):
            return CsvTable(path)
    return None


def require_table(folder: Path, name: str) -> CsvTable:
    """Return a table by its official name; a missing one is a `UserError`."""
    table = find_table(folder, name)
    if table is None:
        raise UserError(f"{folder} has no {name}.csv or {name}.csv.gz; put that table of MIMIC-III v1.4 there")
    return table
