"""MIMIC-III: what counts as treatment during the stay, from each table that tells of it."""

import pytest
from raw_mimic3 import IN, OUT, make_tables, write

from workflow_scripts.data.mimic3 import files as mimic3_files
from workflow_scripts.data.readers.mimic3 import read_mimic3

pytestmark = pytest.mark.unit

LATER = "2150-03-15 00:00:00"


@pytest.fixture
def tables():
    return make_tables()


@pytest.mark.parametrize(
    ("name", "row", "treated"),
    [
        ("PRESCRIPTIONS", [IN, IN, "NORepinephrine", "", "IV DRIP"], True),
        ("PRESCRIPTIONS", ["2150-03-12 00:00:00", LATER, "Vasopressin", "", "IV"], True),  # the stay's last day
        ("PRESCRIPTIONS", ["", "", "DopAmine", "", "IV DRIP"], True),
        ("PRESCRIPTIONS", [OUT, LATER, "Norepinephrine", "", "IV DRIP"], False),
        ("PRESCRIPTIONS", ["", "2150-03-09 00:00:00", "Norepinephrine", "", "IV DRIP"], False),
        ("PRESCRIPTIONS", [IN, IN, "Phenylephrine 0.5% Nasal Spray", "", "NU"], False),
        ("PRESCRIPTIONS", [IN, IN, "Lidocaine 1%/Epinephrine 1:100000", "", "IV"], False),
        ("PRESCRIPTIONS", [IN, IN, "DOBUTamine", "", "IV DRIP"], False),
        ("PRESCRIPTIONS", [IN, IN, "Midodrine", "", "PO"], False),
        ("PRESCRIPTIONS", [IN, IN, "Desmopressin Acetate", "", "IV"], False),
        ("INPUTEVENTS_MV", ["221906", IN, OUT, "FinishedRunning"], True),
        ("INPUTEVENTS_MV", ["222315", "2150-03-12 06:00:00", OUT, "Changed"], True),
        ("INPUTEVENTS_MV", ["221289", "2150-03-12 06:00:01", OUT, "Changed"], False),
        ("INPUTEVENTS_MV", ["221749", "2150-03-10 05:00:00", "2150-03-10 05:59:59", "Stopped"], False),
        ("INPUTEVENTS_MV", ["221662", IN, OUT, "Rewritten"], False),
        ("INPUTEVENTS_MV", ["221653", IN, OUT, "FinishedRunning"], False),  # dobutamine
        ("INPUTEVENTS_CV", ["30047", IN, "", "0.1"], True),
        ("INPUTEVENTS_CV", ["30051", IN, "2.4", ""], True),
        ("INPUTEVENTS_CV", ["30127", IN, "0", "0"], False),
        ("INPUTEVENTS_CV", ["30043", LATER, "1", "1"], False),
        ("INPUTEVENTS_CV", ["30042", IN, "1", "1"], False),  # dobutamine
        ("PROCEDUREEVENTS_MV", ["225792", "2150-03-09 00:00:00", IN, "FinishedRunning"], True),
        ("PROCEDUREEVENTS_MV", ["225794", IN, OUT, "FinishedRunning"], True),
        ("PROCEDUREEVENTS_MV", ["225802", IN, "", "FinishedRunning"], True),
        ("PROCEDUREEVENTS_MV", ["225441", LATER, LATER, "FinishedRunning"], False),
        ("PROCEDUREEVENTS_MV", ["225805", IN, IN, "Rewritten"], False),
        ("PROCEDUREEVENTS_MV", ["224270", IN, IN, "FinishedRunning"], False),  # a dialysis catheter
        ("PROCEDURES_ICD", ["9671"], True),
        ("PROCEDURES_ICD", ["0017"], True),
        ("PROCEDURES_ICD", ["3893"], False),
        ("CPTEVENTS", ["94003", "2150-03-12 00:00:00"], True),
        ("CPTEVENTS", ["90935", ""], True),
        ("CPTEVENTS", ["94002", OUT], False),
        ("CPTEVENTS", ["99291", IN], False),
    ],
)
def test_treatment(tmp_path, tables, name, row, treated):
    tables[name] = [[10, *row], [11, *row]]  # admission 11 is of nobody in the cohort
    assert read_mimic3(write(tmp_path, tables)).attributes["treatment"].tolist() == ["yes" if treated else "no"]


def test_chunks_make_no_difference(tmp_path, tables, monkeypatch):
    tables["INPUTEVENTS_MV"] = [[10, "1", IN, OUT, ""]] * 5 + [[10, "221906", IN, OUT, "Changed"]]
    tables["PRESCRIPTIONS"] = [[10, IN, OUT, drug, "", "PO"] for drug in ("Aspirin", "Senna", "Insulin", "Warfarin")]
    whole = read_mimic3(write(tmp_path, tables))
    monkeypatch.setattr(mimic3_files, "CHUNK_ROWS", 2)
    chunked = read_mimic3(tmp_path)
    assert chunked.attributes["treatment"].tolist() == whole.attributes["treatment"].tolist() == ["yes"]
    assert chunked.features.equals(whole.features)
    assert chunked.features.filter(like="medication_").to_numpy().sum() == 4
