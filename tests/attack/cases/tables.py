"""Tables with values that are none: infinite, missing, out of range; and with nothing to learn from."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.attack.case import REFUSED, RIGHT, ROOT, Case, Seen, attempt
from tests.attack.trees import pack_tree, write_manifest

# Two rows of Adult; the fields that a case changes stand in braces.
MAN = "{age}, Private, 1, Masters, {school}, Divorced, Sales, Wife, Other, {sex}, {gain}, 0, {hours}, Cuba, {income}"
PLAIN = {"age": "39", "school": "13", "sex": "Male", "gain": "0", "hours": "40", "income": "<=50K"}
WOMAN = {**PLAIN, "age": "50", "sex": "Female", "income": ">50K", "hours": "20"}


def pack_adult(folder: Path, rows: list[dict[str, str]], test: list[dict[str, str]]) -> str:
    """Pack Adult's two files of these rows; returns what is wrong with the packed ones."""
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw/adult.data").write_text("\n".join(MAN.format(**row) for row in rows))
    (folder / "raw/adult.test").write_text("\n".join(MAN.format(**row) + "." for row in test))
    write_manifest(folder / "raw.json", folder / "raw")
    inputs = np.load(pack_tree(folder, "adult", None) / "inputs.npy")
    return "" if np.isfinite(inputs).all() else "a packed value is not finite"


def give(row: dict[str, str], place: str = "train") -> Callable[[Path], Seen]:
    """Return an attack with a row of Adult that is wrong."""
    train = [PLAIN, WOMAN, *[{**PLAIN, **row}] * (place == "train")]
    test = [PLAIN, WOMAN, *[{**PLAIN, **row}] * (place == "test")]
    return lambda folder: attempt(lambda: pack_adult(folder, train, test))


def pack_rows(*train: dict[str, str]) -> Callable[[Path], Seen]:
    """Return an attack with other training rows."""
    return lambda folder: attempt(lambda: pack_adult(folder, list(train), [PLAIN, WOMAN]))


def put_pipe(name: str) -> Callable[[Path], Seen]:
    def act(folder: Path) -> Seen:
        (folder / "raw").mkdir()
        os.mkfifo(folder / "raw" / name)
        write_manifest(folder / "raw.json", folder / "raw")
        return attempt(lambda: pack_tree(folder, "adult", None) and None)

    return act


def give_copy(folder: Path) -> Seen:
    """The package's copy, of which one age is infinite."""
    (folder / "raw").mkdir()
    names = ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    kinds = ["workclass", "education", "marital-status", "occupation", "relationship", "race", "native-country"]
    header = [*names, *(f"{kind}_one" for kind in kinds), "sex_Male", "sex_Female", "salary_<=50K", "salary_>50K"]
    rows = [["39", "1", "0", "0", "40", *"1" * 7, *"1001"], ["inf", "1", "0", "0", "40", *"1" * 7, *"0110"]]
    with zipfile.ZipFile(folder / "raw/adult.csv.zip", "w") as archive:
        archive.writestr("adult.csv", "\n".join(",".join(row) for row in [header, *rows]))
    write_manifest(folder / "raw.json", folder / "raw")
    return attempt(lambda: pack_tree(folder, "adult", None) and None)


def give_stay(name: str, row: list[object]) -> Callable[[Path], Seen]:
    """Return an attack with a row of a table of MIMIC-III."""

    def act(folder: Path) -> Seen:
        sys.path.insert(0, str(ROOT / "tests/support"))
        try:
            from raw_mimic3 import make_tables, write
        finally:
            sys.path.pop(0)
        from workflow_scripts.data.readers.mimic3 import read_mimic3

        tables = make_tables()
        tables[name] = [other for other in tables[name] if other[0] != row[0]] + [row]
        return attempt(lambda: read_mimic3(write(folder / "raw", tables)) and None)

    return act


def overflow(folder: Path) -> Seen:
    """A table of another kind, with a number whose square is beyond all numbers."""
    import pandas as pd

    from workflow_scripts.data.readers.table import FeatureTable, TableReader

    features = pd.DataFrame({"weight": [1.0, 2.0, 1e300, 3.0], "group": ["a", "b", "a", "b"]})
    label, splits = np.array(["no", "yes"] * 2), np.array([0, 0, 0, 1], dtype=np.uint8)
    table = FeatureTable(features, "group", label, ("no", "yes"), splits, np.array(list("pqrs")))
    return attempt(lambda: TableReader(table) and None)


IN, OUT = "2150-03-11 00:00:00", "2150-03-14 00:00:00"
NOT_AGE = r"Adult's row \d has no number as age between 0 and 130, but '.+'; the file is damaged: get it again"
NUMBERS = {"school": "education-num", "gain": "capital-gain", "hours": "hours-per-week"}
LOS = "ICUSTAYS.csv has other values than numbers in column LOS"
CASES = [
    *(
        Case(f"Adult with an age of {value}", give({"age": value}), says=NOT_AGE, quick=True)
        for value in ("inf", "-inf", "nan", "1e400", "1e308", "1e30", "-3", "300", "0x10", "1_0")
    ),
    Case("Adult with a test row whose age is inf", give({"age": "inf"}, "test"), says=NOT_AGE, quick=True),
    *(
        Case(f"Adult with {name} of inf", give({field: "inf"}), says=f"no number as {name} between", quick=True)
        for field, name in NUMBERS.items()
    ),
    Case("Adult of men only", pack_rows(PLAIN, PLAIN), says=r"have 1 values of gender \(Male\), the", quick=True),
    Case("Adult with a third sex", pack_rows(PLAIN, WOMAN, {**PLAIN, "sex": "?"}), says="have 3 values of", quick=True),
    Case("Adult without a training row", pack_rows(), says="the table has no training row; get the data", quick=True),
    Case("Adult whose numbers are all alike", pack_rows(PLAIN, {**PLAIN, "sex": "Female"}), RIGHT, quick=True),
    Case("Adult's copy with an age of inf", give_copy, says=NOT_AGE, quick=True),
    Case("a pipe as adult.data", put_pipe("adult.data"), says="adult.data is missing or not a file", quick=True),
    Case("a pipe as Adult's copy", put_pipe("adult.csv.zip"), says="adult.data is missing or not", quick=True),
    Case("a number beyond all squares", overflow, says="the row r of the table has the weight 1e.300", quick=True),
    *(
        Case(
            f"MIMIC-III with a stay of {value} days",
            give_stay("ICUSTAYS", [1, 10, 7, "CCU", IN, OUT, value]),
            REFUSED,
            LOS,
            quick=True,
        )
        for value in ("inf", "nan", "1e400", "-5")
    ),
    *(
        Case(f"MIMIC-III with the time {value}", give_stay(table, row), REFUSED, f"{table}.csv has other", quick=True)
        for table, row, value in (
            ("ICUSTAYS", [1, 10, 7, "CCU", "NaT", OUT, "3"], "NaT of a stay"),
            ("PATIENTS", [1, "M", "NaT"], "NaT of a birth"),
            ("PATIENTS", [1, "M", "99999-01-01 00:00:00"], "99999-01-01 of a birth"),
        )
    ),
    Case(
        "MIMIC-III with an amount of inf",
        give_stay("INPUTEVENTS_CV", [10, "30047", IN, "inf", ""]),
        says="INPUTEVENTS_CV.csv has other values than numbers in column AMOUNT",
        quick=True,
    ),
]
