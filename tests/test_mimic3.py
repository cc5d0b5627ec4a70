"""MIMIC-III: which patients and which features, by small tables written by hand; and the open demo."""

import csv

import numpy as np
import pytest
from raw_mimic3 import add_patient, add_stay, make_tables, write

from workflow_scripts.data.mimic3.codes import (
    DRUG_GROUPS,
    PROCEDURES_METAVISION,
    VASOPRESSORS_CAREVUE,
    VASOPRESSORS_METAVISION,
    group_diagnosis,
    group_procedure,
)
from workflow_scripts.data.readers.mimic3 import read_mimic3

pytestmark = pytest.mark.unit


@pytest.fixture
def tables():
    return make_tables()


# --- cohort -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("upper", "zipped"), [(True, False), (False, False), (True, True), (False, True)])
def test_one_patient_however_the_files_are_written(tmp_path, tables, upper, zipped):
    tables["DIAGNOSES_ICD"] = [[10, "4280"], [10, "V1582"], [10, ""]]
    table = read_mimic3(write(tmp_path, tables, upper, zipped))
    row = table.features.iloc[0].to_dict()
    assert {name: value for name, value in row.items() if not isinstance(value, bool)} == {
        "gender": "F",
        "age": 50.0,
        "ethnicity": "white",
        "insurance": "medicare",
        "marital_status": "married",
        "language": "english",
        "admission_type": "emergency",
        "first_careunit": "MICU",
    }
    assert {name for name, value in row.items() if value is True} == {
        "diagnosis_circulatory",
        "diagnosis_supplementary",
    }
    assert (table.sensitive, table.classes) == ("gender", ("short", "long"))
    assert table.label.tolist() == ["short"]
    assert table.attributes["treatment"].tolist() == ["no"]
    assert table.objects.tolist() == ["100"]
    assert not table.features.isna().any().any()


def test_cohort_step_by_step(tmp_path, tables):
    add_patient(tables, 2, dob="2132-01-02 00:00:00")  # 18 tomorrow
    add_patient(tables, 3, dob="2132-01-01 00:00:00")  # 18 today
    add_patient(tables, 4, dob="1850-01-01 00:00:00")  # over 89: born 300 years before
    add_stay(tables, 3, 31, 299, "2149-12-01 00:00:00")  # as a minor
    add_stay(tables, 3, 32, 302, "2151-01-01 00:00:00")  # a second stay
    tables["ICUSTAYS"].append([1, 10, 101, "MICU", "2150-03-13 06:00:00", "2150-03-14 06:00:00", "1.0"])
    tables["ICUSTAYS"].append([1, 10, 99, "MICU", "2150-03-10 01:00:00", "", ""])  # of unknown length
    tables["PATIENTS"].append([5, "M", "2100-01-01 00:00:00"])  # never in intensive care
    table = read_mimic3(write(tmp_path, tables))
    assert table.counts == {
        "patients": 5,
        "admissions": 6,
        "ICU stays": 8,
        "ICU stays of known length": 7,
        "ICU stays of adults": 5,
        "first ICU stays of adults": 3,
    }
    rows = dict(zip(table.objects.tolist(), table.features.to_dict("records"), strict=True))
    assert {stay: row["age"] for stay, row in rows.items()} == {"100": 50.0, "300": 18.0, "400": 90.0}
    assert rows["300"]["ethnicity"] == "asian"
    assert rows["300"]["language"] == rows["300"]["marital_status"] == "unknown"


@pytest.mark.parametrize(("los", "label"), [("2.9999", "short"), ("3.0", "short"), ("3.0001", "long")])
def test_long_is_over_three_days(tmp_path, tables, los, label):
    tables["ICUSTAYS"][0][-1] = los
    assert read_mimic3(write(tmp_path, tables)).label.tolist() == [label]


def test_a_third_is_test_whatever_the_order_of_rows(tmp_path, tables):
    for number in range(2, 32):
        add_patient(tables, number)
    table = read_mimic3(write(tmp_path / "a", tables))
    assert table.splits.tolist() == [0] * 21 + [1] * 10
    assert "no official split" in table.caveat
    for name in ("PATIENTS", "ADMISSIONS", "ICUSTAYS"):
        tables[name].reverse()
    assert read_mimic3(write(tmp_path / "b", tables)).objects.tolist() == table.objects.tolist()


# --- features -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "chapter"),
    [
        ("0010", "infectious"),
        ("1398", "infectious"),
        ("1400", "neoplasms"),
        ("99591", "injury"),
        ("V5861", "supplementary"),
        ("E8788", "external"),
        ("V4511", None),
        ("V5631", None),
        ("V4611", None),
        ("", None),
        ("41", None),
    ],
)
def test_diagnosis_chapters(code, chapter):
    assert group_diagnosis(code) == chapter


@pytest.mark.parametrize(
    ("code", "chapter"),
    [
        ("0066", "unclassified"),
        ("0331", "nervous"),
        ("046", "nervous"),
        ("3893", "cardiovascular"),
        ("8856", "diagnostic"),
        ("0017", None),
        ("9671", None),
        ("9604", None),
        ("3995", None),
        ("5498", None),
        ("x", None),
    ],
)
def test_procedure_chapters(code, chapter):
    assert group_procedure(code) == chapter


@pytest.mark.parametrize(
    ("drug", "generic", "groups"),
    [
        ("Insulin", "", {"insulin"}),
        ("Unasyn", "Ampicillin-Sulbactam", {"penicillins"}),
        ("HYDROmorphone (Dilaudid)", "", {"opioids"}),
        ("Penicillin G Potassium", "", {"penicillins"}),
        ("Oxycodone-Acetaminophen", "", {"opioids", "analgesics"}),
        ("Heparin Flush (10 units/ml)", "", set()),
        ("Norepinephrine", "Norepinephrine Bitartrate", set()),
    ],
)
def test_medications_by_group(tmp_path, tables, drug, generic, groups):
    tables["PRESCRIPTIONS"] = [[10, "2150-03-11 00:00:00", "2150-03-12 00:00:00", drug, generic, "IV"]]
    flags = read_mimic3(write(tmp_path, tables)).features.iloc[0]
    assert {name for name in DRUG_GROUPS if flags[f"medication_{name}"]} == groups


def test_what_defines_treatment_is_no_feature(tmp_path, tables):
    """A treated patient has the very features of an untreated one."""
    add_patient(tables, 2, "F", "2100-01-01 00:00:00")
    tables["ADMISSIONS"] = [[n, n * 10, "EMERGENCY", "Medicare", "ENGL", "MARRIED", "WHITE"] for n in (1, 2)]
    tables["ICUSTAYS"][1][3] = "MICU"
    tables["PROCEDURES_ICD"] = [[10, code] for code in ("0017", "9670", "9671", "9672", "3995", "5498", "9604")]
    tables["DIAGNOSES_ICD"] = [[10, code] for code in ("V4511", "V560", "V4611")]
    tables["PRESCRIPTIONS"] = [
        [10, "2150-03-11 00:00:00", "2150-03-12 00:00:00", drug, "", "IV DRIP"]
        for drug in ("Norepinephrine", "EPINEPHrine", "PHENYLEPHrine HCl", "Vasopressin", "DOPamine", "Levophed")
    ]
    table = read_mimic3(write(tmp_path, tables))
    treatment = dict(zip(table.objects.tolist(), table.attributes["treatment"].tolist(), strict=True))
    assert treatment == {"100": "yes", "200": "no"}
    assert len(table.features.drop_duplicates()) == 1


# --- the open demo ------------------------------------------------------------------------------------------------


def test_demo_cohort(shared_data):
    """Expected counts: found with Python's csv module and loops over rows, apart from this reader."""
    table = read_mimic3(shared_data / "mimic3demo")
    assert table.counts == {
        "patients": 100,
        "admissions": 129,
        "ICU stays": 136,
        "ICU stays of known length": 136,
        "ICU stays of adults": 135,
        "first ICU stays of adults": 99,
    }
    assert (table.features["gender"] == "F").sum() == 54
    assert (table.features["age"] == 90).sum() == 8
    assert (table.label == "long").sum() == 32
    assert (table.attributes["treatment"] == "yes").sum() == 58
    expected = {
        "diagnosis_circulatory": 87,
        "diagnosis_supplementary": 43,
        "procedure_cardiovascular": 51,
        "medication_insulin": 65,
    }
    assert table.features[list(expected)].sum().to_dict() == expected
    assert not table.features.isna().any().any()
    assert np.bincount(table.splits).tolist() == [66, 33]
    assert table.caveat.endswith("absent tables INPUTEVENTS_CV")


def test_item_ids_have_the_labels_of_the_demo(shared_data):
    with open(shared_data / "mimic3demo" / "D_ITEMS.csv") as file:
        labels = {row["itemid"]: row["label"] for row in csv.DictReader(file)}
    for items in (VASOPRESSORS_METAVISION, VASOPRESSORS_CAREVUE, PROCEDURES_METAVISION):
        assert {item: labels[item] for item in items} == items
