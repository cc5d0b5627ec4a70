"""Tidy rows: one number each, under one schema. Every table and figure is a view of them.

`condition` and `level` say under which condition, and at which level of it, a number was measured: under a context of
14 tokens ("context rotation", 14), from five examples a class ("shots", 5), in fog of strength 3 ("fog", 3). Most
numbers have neither: "" and <NA>.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import atomic_path

KEY_COLUMNS = {
    "dataset": "str",
    "method": "str",
    "group": "str",
    "variant": "str",
    "seed": "int64",
    "representation": "str",
    "condition": "str",
    "level": "Int64",
    "split": "str",
    "task": "str",
    "metric": "str",
}
Row = dict[str, Any]  # one measurement: values by column
DIGEST = b"sha256 of the rows as CSV"  # in the file's metadata
COLUMNS = KEY_COLUMNS | {
    "value": "float64",
    "n": "int64",
    "run": "str",
    "config_hash": "str",
    "code_hash": "str",
    "data_hash": "str",
    "device": "str",
}


def make_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Turn dictionaries, one a number, into a checked frame with all `COLUMNS`.

    Raises `UserError` for a missing or unknown column, a repeated key, or a value that is not finite.
    """
    if not rows:
        raise UserError("there is not a single row; the evaluation found nothing to measure")
    return check_rows(pd.DataFrame(rows), "an evaluation")


def check_rows(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return the frame with the schema's columns, types and order, or raise `UserError` naming `origin`."""
    for kind, columns in (("lacks", set(COLUMNS) - set(frame)), ("has unknown", set(frame) - set(COLUMNS))):
        if columns:
            raise UserError(
                f"{origin} {kind} column(s) {', '.join(sorted(map(str, columns)))}; delete it and run again"
            )
    try:
        frame = frame[list(COLUMNS)].astype(COLUMNS)
    except (TypeError, ValueError) as error:
        raise UserError(f"{origin} has a value of the wrong type ({error}); delete it and run again") from None
    bad = frame[~np.isfinite(frame["value"])]
    if len(bad):
        row = bad.iloc[0]
        raise UserError(
            f"{origin} has {row['value']} as {row['metric']} of {row['task']} ({row['run']}), which is no number; "
            "delete it and run again"
        )
    repeated = frame[frame.duplicated(list(KEY_COLUMNS))]
    if len(repeated):
        key = ", ".join(f"{name}={repeated.iloc[0][name]}" for name in KEY_COLUMNS)
        raise UserError(f"{origin} has two rows for {key}; two runs claim the same place")
    return frame.sort_values(list(KEY_COLUMNS), kind="stable", ignore_index=True)


def write_rows(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as Parquet with a digest of their content, atomically; the same rows give the same bytes."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), DIGEST: hash_rows(frame)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read_rows(path: Path) -> pd.DataFrame:
    """Read and check rows; a missing or damaged file is a `UserError` that names it."""
    try:
        table = pq.read_table(path)
        frame = table.to_pandas()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run the evaluation that writes it") from None
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        first = str(error).partition("\n")[0]
        raise UserError(f"{path} is not a readable table of rows ({first}); delete it and run again") from None
    checked = check_rows(frame, str(path))
    if (digest := (table.schema.metadata or {}).get(DIGEST)) is None:
        raise UserError(f"{path} has no digest of its rows, so nobody knows what they are; delete it and run again")
    if digest != hash_rows(checked):
        raise UserError(f"{path} is damaged (its rows differ from their digest); delete it and run again")
    return checked


def hash_rows(frame: pd.DataFrame) -> bytes:
    """Return a digest of all values, to their last bit."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest().encode()
