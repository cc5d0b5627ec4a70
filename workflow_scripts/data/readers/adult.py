"""Reader of UCI Adult (Becker and Kohavi 1996): people of the 1994 US census, and whether they earn over 50,000 a year.

    adult.data, adult.test   the official files, with the official split
    adult.csv.zip            the copy that a Python package carries (see data/sources/entries): rows with unknown
                             values left out, categories one-hot, train and test mixed

The invariant task is income; the sensitive feature, Adult's `sex`, is called gender, as the paper does. `fnlwgt`, a
weight of the census's sample and no feature of the person, is left out.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.readers.base import TEST, TRAIN
from workflow_scripts.data.readers.raw_files import read_file
from workflow_scripts.data.readers.table import FeatureTable, TableReader
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

# The numbers, and more than each can be: what lies beyond, or below 0, is damage.
HIGHEST = {
    "age": 130,
    "education-num": 20,
    "capital-gain": 1_000_000,
    "capital-loss": 1_000_000,
    "hours-per-week": 168,
}
NUMBERS = tuple(HIGHEST)
CATEGORIES = (
    *("workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country"),
)
COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
)
CLASSES = ("<=50K", ">50K")
SENSITIVE = "gender"  # planning reads it, see `table.TableReader`
COPY = "adult.csv.zip"
TEST_SHARE, TEST_SEED = 1 / 3, 0  # of the copy, whose official split is lost


def open_reader(root: Path) -> TableReader:
    """Return a reader of the official files in `root`, or of the package's copy. Raises `UserError` for bad ones."""
    return TableReader(read_copy(root / COPY) if (root / COPY).is_file() else read_official(root))


def read_official(root: Path) -> FeatureTable:
    """Read adult.data and adult.test; an unknown value, "?", is a category of its own."""
    parts = [read_rows(root / name) for name in ("adult.data", "adult.test")]
    frame = pd.concat(parts, ignore_index=True)
    sizes = [len(part) for part in parts]
    splits = np.repeat(np.array([TRAIN, TEST], dtype=np.uint8), sizes)
    return make_table(frame, splits, {"train": sizes[0], "test": sizes[1]}, "")


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of one official file, all values as text. Raises `UserError` for a row that is not whole."""
    rows = []
    text = read_file(path).decode("utf-8", errors="replace")
    for number, row in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), start=1):
        if not row or row[0].startswith("|"):  # the test file begins with a remark
            continue
        if len(row) != len(COLUMNS) or row[-1].removesuffix(".") not in CLASSES:
            raise UserError(
                f"{path}, line {number}: {len(row)} values that end in {row[-1]!r}, instead of {len(COLUMNS)} that end "
                f"in {' or '.join(CLASSES)}; the file is truncated or not Adult's: get it again"
            )
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(income=frame["income"].str.removesuffix("."))


def read_copy(path: Path) -> FeatureTable:
    """Read the package's copy: one-hot columns `<feature>_<category>` become categories again."""
    try:
        frame = pd.read_csv(path)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable table ({error}); delete it and download again") from None
    features = {name: frame[name] for name in NUMBERS if name in frame}
    for name in (*CATEGORIES, "salary"):
        columns = [column for column in map(str, frame) if column.startswith(f"{name}_")]
        if columns and bool((frame[columns].sum(axis=1) == 1).all()):
            categories = np.array([column.removeprefix(f"{name}_") for column in columns])
            features[name] = pd.Series(categories[frame[columns].to_numpy().argmax(axis=1)])
    if missing := [name for name in (*NUMBERS, *CATEGORIES, "salary") if name not in features]:
        raise UserError(f"{path} lacks the feature {missing[0]!r}; delete it and download again")
    table = pd.DataFrame(features).rename(columns={"salary": "income"})
    test = numpy_generator(TEST_SEED, "adult test").random(len(table)) < TEST_SHARE
    caveat = (
        "a copy of UCI Adult without the rows that have unknown values, whose official split is lost: a random third "
        "of the rows is the test split"
    )
    splits = np.where(test, TEST, TRAIN).astype(np.uint8)
    return make_table(table, splits, {"without unknown values": len(table), "test": int(test.sum())}, caveat)


def make_table(frame: pd.DataFrame, splits: np.ndarray, counts: dict[str, int], caveat: str) -> FeatureTable:
    """Check the values of all columns, and make the table. frame: (N rows) of `NUMBERS`, `CATEGORIES` and income."""
    numbers = frame[list(NUMBERS)].apply(pd.to_numeric, errors="coerce")
    sound = np.asarray((numbers >= 0) & (numbers <= pd.Series(HIGHEST)))  # false of what is no number, too
    if not sound.all():
        row, column = (int(found[0]) for found in np.nonzero(~sound))
        name = NUMBERS[column]
        raise UserError(
            f"Adult's row {row} has no number as {name} between 0 and {HIGHEST[name]:,}, but "
            f"{str(frame[name].iloc[row])!r}; the file is damaged: get it again"
        )
    categories = frame[list(CATEGORIES)].astype(str).rename(columns={"sex": "gender"})
    features = pd.concat([numbers.astype(np.float64), categories], axis=1)
    objects = np.array([f"row/{i:05d}" for i in range(len(frame))])
    label = frame["income"].to_numpy()
    return FeatureTable(features, SENSITIVE, label, CLASSES, splits, objects, counts=counts, caveat=caveat)
