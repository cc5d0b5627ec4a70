"""MIMIC-III: what the reader refuses, and with which sentence."""

import pytest
from raw_mimic3 import COLUMNS, IN, OUT, make_tables, write

from workflow_scripts.data.readers.mimic3 import read_mimic3
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.unit, pytest.mark.faults]

OPTIONAL = ["INPUTEVENTS_MV", "INPUTEVENTS_CV", "PROCEDUREEVENTS_MV", "CPTEVENTS"]


@pytest.fixture
def tables():
    return make_tables()


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in OPTIONAL])
def test_missing_required_table_is_named(tmp_path, tables, name):
    del tables[name]
    with pytest.raises(UserError, match=f"has no {name}.csv or {name}.csv.gz"):
        read_mimic3(write(tmp_path, tables))


def test_absent_optional_tables_are_in_the_caveat(tmp_path, tables):
    assert "absent" not in read_mimic3(write(tmp_path / "all", tables)).caveat
    del tables["INPUTEVENTS_CV"], tables["CPTEVENTS"]
    assert read_mimic3(write(tmp_path / "some", tables)).caveat.endswith("absent tables INPUTEVENTS_CV, CPTEVENTS")


@pytest.mark.parametrize("name", list(COLUMNS))
def test_renamed_column_is_named(tmp_path, tables, name, monkeypatch):
    column = COLUMNS[name].split()[-1]
    monkeypatch.setitem(COLUMNS, name, COLUMNS[name].replace(column, "renamed"))
    with pytest.raises(UserError, match=f"{name}.csv has no column {column.upper()}"):
        read_mimic3(write(tmp_path, tables))


@pytest.mark.parametrize(
    ("name", "row", "sentence"),
    [
        ("PATIENTS", [2, "M", ""], "PATIENTS.csv has no DOB in row 2"),
        ("PATIENTS", [1, "F", "2100-03-10"], "PATIENTS.csv has SUBJECT_ID 1 twice"),
        ("ICUSTAYS", [2, 10, 7, "CCU", IN, OUT, "3"], "SUBJECT_ID 2, which is not in PATIENTS"),
        ("ICUSTAYS", [1, 77, 7, "CCU", IN, OUT, "3"], "HADM_ID 77, which is not in ADMISSIONS"),
        ("ICUSTAYS", [1, 10, 7, "CCU", "soon", OUT, "3"], "ICUSTAYS.csv has other values than times in column INTIME"),
        ("ICUSTAYS", [1, 10, 7, "CCU", IN, OUT, "x"], "ICUSTAYS.csv has other values than numbers in column LOS"),
        ("PRESCRIPTIONS", [10, "never", IN, "Aspirin", "", "PO"], "PRESCRIPTIONS.csv .* in column STARTDATE"),
        ("INPUTEVENTS_CV", [10, "30047", IN, "much", ""], "INPUTEVENTS_CV.csv .* numbers in column AMOUNT"),
    ],
)
def test_wrong_values_are_named(tmp_path, tables, name, row, sentence):
    tables[name].append(row)
    with pytest.raises(UserError, match=sentence):
        read_mimic3(write(tmp_path, tables))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", b'a,b\n"1,2\n'])
@pytest.mark.parametrize("file", ["ADMISSIONS.csv", "ADMISSIONS.csv.gz"])
def test_damaged_table_is_named(tmp_path, tables, content, file):
    write(tmp_path, tables)
    (tmp_path / "ADMISSIONS.csv").unlink()
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=f"{file} (cannot be read|has no column)"):
        read_mimic3(tmp_path)


def test_folder_without_adults_or_without_anything(tmp_path, tables):
    tables["PATIENTS"][0][2] = "2150-01-01 00:00:00"
    with pytest.raises(UserError, match="no stay of an adult"):
        read_mimic3(write(tmp_path, tables))
    with pytest.raises(UserError, match="there is no folder"):
        read_mimic3(tmp_path / "elsewhere")
