"""Synthetic patients as CSV files in the schema of MIMIC-III v1.4 (column names in upper case).

All columns of the official tables are there; those that this project does not read are empty.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflow_scripts.data.mimic3.codes import DIAGNOSIS_CHAPTERS, DRUG_GROUPS, PROCEDURE_CHAPTERS
from workflow_scripts.data.mimic3.cohort import OLDEST_YEARS
from workflow_scripts.data.mimic3.synthetic import DEMOGRAPHICS
from workflow_scripts.support.seeding import numpy_generator

COLUMNS = {
    "PATIENTS": "ROW_ID SUBJECT_ID GENDER DOB DOD DOD_HOSP DOD_SSN EXPIRE_FLAG",
    "ADMISSIONS": (
        "ROW_ID SUBJECT_ID HADM_ID ADMITTIME DISCHTIME DEATHTIME ADMISSION_TYPE ADMISSION_LOCATION DISCHARGE_LOCATION"
        " INSURANCE LANGUAGE RELIGION MARITAL_STATUS ETHNICITY EDREGTIME EDOUTTIME DIAGNOSIS HOSPITAL_EXPIRE_FLAG"
        " HAS_CHARTEVENTS_DATA"
    ),
    "ICUSTAYS": (
        "ROW_ID SUBJECT_ID HADM_ID ICUSTAY_ID DBSOURCE FIRST_CAREUNIT LAST_CAREUNIT FIRST_WARDID LAST_WARDID INTIME"
        " OUTTIME LOS"
    ),
    "DIAGNOSES_ICD": "ROW_ID SUBJECT_ID HADM_ID SEQ_NUM ICD9_CODE",
    "PROCEDURES_ICD": "ROW_ID SUBJECT_ID HADM_ID SEQ_NUM ICD9_CODE",
    "PRESCRIPTIONS": (
        "ROW_ID SUBJECT_ID HADM_ID ICUSTAY_ID STARTDATE ENDDATE DRUG_TYPE DRUG DRUG_NAME_POE DRUG_NAME_GENERIC"
        " FORMULARY_DRUG_CD GSN NDC PROD_STRENGTH DOSE_VAL_RX DOSE_UNIT_RX FORM_VAL_DISP FORM_UNIT_DISP ROUTE"
    ),
}
FIRST_MONTH, MONTHS = np.datetime64("2120-01", "M"), 600  # of ICU admissions, in the future as MIMIC-III's are
SHOWN_YEARS = 300  # the age that MIMIC-III gives to its oldest patients

# What stands for each group in the tables: some code of the chapter, or the first of the drug names.
DIAGNOSES = {f"diagnosis_{name}": f"{low:03d}0" for name, (low, _) in DIAGNOSIS_CHAPTERS.items()} | {
    "diagnosis_supplementary": "V100",
    "diagnosis_external": "E8000",
}
PROCEDURES = {f"procedure_{name}": f"{low:02d}9" for name, (low, _) in PROCEDURE_CHAPTERS.items()}
DRUGS = {f"medication_{name}": drugs[0].capitalize() for name, drugs in DRUG_GROUPS.items()}
VENTILATION, DIALYSIS, VASOPRESSOR = "9671", "3995", "Norepinephrine"


def make_tables(patients: pd.DataFrame, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each CSV file; `patients` is what `sample_patients` gives.

    Patient i (from 0) has SUBJECT_ID i + 1, HADM_ID i + 100001 and ICUSTAY_ID i + 200001, one admission and one stay.
    """
    stays = _place_in_time(patients, seed)
    kind = patients["kind"].where(patients["treatment"], "none")
    diagnoses = _list_marked(patients, DIAGNOSES)
    procedures = _list_marked(
        patients.assign(ventilation=kind == "ventilation", dialysis=kind == "dialysis"),
        {**PROCEDURES, "ventilation": VENTILATION, "dialysis": DIALYSIS},
    )
    drugs = _list_marked(patients.assign(vasopressor=kind == "vasopressor"), {**DRUGS, "vasopressor": VASOPRESSOR})
    contents = {
        "PATIENTS": stays,
        "ADMISSIONS": stays,
        "ICUSTAYS": stays,
        "DIAGNOSES_ICD": diagnoses.rename(columns={"VALUE": "ICD9_CODE"}).join(stays, on="PATIENT"),
        "PROCEDURES_ICD": procedures.rename(columns={"VALUE": "ICD9_CODE"}).join(stays, on="PATIENT"),
        "PRESCRIPTIONS": drugs.assign(DRUG_TYPE="MAIN", ROUTE="IV", DRUG=drugs["VALUE"]).join(stays, on="PATIENT"),
    }
    for name, frame in contents.items():
        numbered = frame.assign(ROW_ID=np.arange(len(frame)) + 1)
        table = numbered.reindex(columns=COLUMNS[name].split())
        yield f"{name}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.4f").encode()


def _place_in_time(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return ids, times (text) and demographics of each patient's admission and stay, under MIMIC-III's names."""
    count = len(patients)
    random = numpy_generator(seed, "MIMIC-III synthesis", "times")
    month = FIRST_MONTH + random.integers(MONTHS, size=count)
    day = random.integers(28, size=count)  # so that every month has the anniversary
    moment = random.integers(24 * 3600, size=count)
    age = patients["age"].to_numpy(dtype=int)
    shown = np.where(age >= OLDEST_YEARS, SHOWN_YEARS, age)
    birth = (month - 12 * shown).astype("datetime64[D]") + day - random.integers(360, size=count)
    begin = (month.astype("datetime64[D]") + day).astype("datetime64[s]") + moment
    end = begin + np.rint(patients["los"].to_numpy() * 24 * 3600).astype(int)
    number = np.arange(count)
    return pd.DataFrame(
        {
            "SUBJECT_ID": number + 1,
            "HADM_ID": number + 100_001,
            "ICUSTAY_ID": number + 200_001,
            "DOB": _format(birth),
            "ADMITTIME": _format(begin - np.timedelta64(2, "h")),
            "DISCHTIME": _format(end + np.timedelta64(1, "D")),
            "INTIME": _format(begin),
            "OUTTIME": _format(end),
            "STARTDATE": _format(begin.astype("datetime64[D]")),
            "ENDDATE": _format(end.astype("datetime64[D]")),
            **{name.upper(): patients[name] for name in ("gender", "los", *DEMOGRAPHICS)},
        }
    )


def _format(times: np.ndarray) -> np.ndarray:
    return np.char.replace(np.datetime_as_string(times, unit="s"), "T", " ")


def _list_marked(patients: pd.DataFrame, values: dict[str, str]) -> pd.DataFrame:
    """Return a row for each mark of a patient in the boolean columns `values`: PATIENT, SEQ_NUM and VALUE."""
    columns = [name for name in values if name in patients]
    patient, column = np.nonzero(patients[columns].to_numpy(dtype=bool))
    frame = pd.DataFrame({"PATIENT": patient, "VALUE": np.array([values[name] for name in columns])[column]})
    return frame.assign(SEQ_NUM=frame.groupby("PATIENT").cumcount() + 1)
