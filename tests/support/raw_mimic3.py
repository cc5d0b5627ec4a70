"""Small folders of MIMIC-III tables, written by hand for tests."""

import csv
import gzip

import numpy as np

COLUMNS = {
    "PATIENTS": "subject_id gender dob",
    "ADMISSIONS": "subject_id hadm_id admission_type insurance language marital_status ethnicity",
    "ICUSTAYS": "subject_id hadm_id icustay_id first_careunit intime outtime los",
    "DIAGNOSES_ICD": "hadm_id icd9_code",
    "PROCEDURES_ICD": "hadm_id icd9_code",
    "PRESCRIPTIONS": "hadm_id startdate enddate drug drug_name_generic route",
    "INPUTEVENTS_MV": "hadm_id itemid starttime endtime statusdescription",
    "INPUTEVENTS_CV": "hadm_id itemid charttime amount rate",
    "PROCEDUREEVENTS_MV": "hadm_id itemid starttime endtime statusdescription",
    "CPTEVENTS": "hadm_id cpt_cd chartdate",
}
IN, OUT = "2150-03-11 00:00:00", "2150-03-14 00:00:00"  # within the stay of `make_tables`, and after it


def make_tables() -> dict[str, list[list]]:
    """One patient, born in 2100, in intensive care from 10 March 2150, 06:00, to 12 March 2150, 06:00."""
    return {
        "PATIENTS": [[1, "F", "2100-03-10 00:00:00"]],
        "ADMISSIONS": [[1, 10, "EMERGENCY", "Medicare", "ENGL", "MARRIED", "WHITE"]],
        "ICUSTAYS": [[1, 10, 100, "MICU", "2150-03-10 06:00:00", "2150-03-12 06:00:00", "2.0"]],
        **{name: [] for name in list(COLUMNS)[3:]},
    }


def write(folder, tables, upper=True, zipped=False):
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        header = COLUMNS[name].split()
        file = f"{name if upper else name.lower()}.csv{'.gz' if zipped else ''}"
        with (gzip.open if zipped else open)(folder / file, "wt", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["ROW_ID" if upper else "row_id", *(map(str.upper, header) if upper else header)])
            writer.writerows([number, *row] for number, row in enumerate(rows))
    return folder


def add_patient(tables, number, gender="M", dob="2100-01-01 00:00:00", intime="2150-01-01 00:00:00", los="4.0"):
    tables["PATIENTS"].append([number, gender, dob])
    add_stay(tables, number, number * 10, number * 100, intime, los)


def add_stay(tables, patient, admission, stay, intime, los="4.0"):
    tables["ADMISSIONS"].append([patient, admission, "URGENT", "Private", "", "", "ASIAN - CHINESE"])
    outtime = str(np.datetime64(intime.replace(" ", "T")) + np.timedelta64(4, "D")).replace("T", " ")
    tables["ICUSTAYS"].append([patient, admission, stay, "CCU", intime, outtime, los])
