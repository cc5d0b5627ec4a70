"""MIMIC-III v1.4 (Johnson et al. 2016) as a table: one row per adult patient, of the first ICU stay as an adult.

Read from a folder of the official CSV files, of the credentialed release or of the open demo. Needed are PATIENTS,
ADMISSIONS, ICUSTAYS, DIAGNOSES_ICD, PROCEDURES_ICD and PRESCRIPTIONS; optional, for the treatment attribute, are
INPUTEVENTS_MV, INPUTEVENTS_CV, PROCEDUREEVENTS_MV and CPTEVENTS (the caveat names those absent).

Cohort: stays of known length, of patients of at least 18 years at ICU admission, the first one of each patient.

Features (of the whole admission unless said otherwise: they describe a stay in retrospect, they are no prognosis):
    gender (the sensitive attribute), ethnicity, insurance, marital status, language, admission type, first care unit:
        strings, "unknown" where MIMIC has none
    age: completed years at ICU admission; MIMIC shifts the birth of those over 89 by 300 years: they count as 90
    diagnosis_*, procedure_*: whether a code of that ICD-9-CM chapter was billed
    medication_*: whether a drug of that group was ordered for a day of the ICU stay

Label: "long" if the stay took more than 3 days, else "short" (the threshold is ours).

Attribute treatment: "yes" if, during the stay, the patient had any
    vasopressor: an intravenous prescription or an input event of norepinephrine, epinephrine, phenylephrine,
        vasopressin or dopamine (of any dose; dobutamine and milrinone, inotropes, do not count), or ICD-9 00.17
    mechanical ventilation, invasive or not: procedure events, ICD-9 96.70 to 96.72, CPT 94002, 94003, 94656, 94657
    dialysis: procedure events, ICD-9 39.95, 54.98, CPT 90935, 90937, 90945, 90947
ICD-9 procedures, and CPT events without a date, bear no time: they count for the whole admission. The item ids stand
in `mimic3_codes`. What defines the treatment is no feature: vasopressors are no medication group, and these
procedure codes, and a few that do not occur without them (intubation, access for dialysis, dialysis status,
dependence on a respirator), are left out before grouping. Correlates, such as sedatives, remain.

Some chapters (pregnancy, genital and obstetrical procedures) all but reveal the gender.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.mimic3.codes import (
    DIAGNOSIS_CHAPTERS,
    LETTER_CHAPTERS,
    PROCEDURE_CHAPTERS,
    TREATMENT_ICD9,
    group_diagnosis,
    group_procedure,
)
from workflow_scripts.data.mimic3.cohort import ADULT_YEARS, LONG_DAYS, OLDEST_YEARS
from workflow_scripts.data.mimic3.events import find_treated, read_prescriptions
from workflow_scripts.data.mimic3.files import require_table
from workflow_scripts.data.readers.base import TEST, TRAIN
from workflow_scripts.data.readers.table import FeatureTable, TableReader
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

CLASSES = ("short", "long")
TEST_PART = 3  # one patient in three is in the test split
SPLIT_SEED = 0
GENDERS = ("F", "M")
SENSITIVE = "gender"  # planning reads it, see `table.TableReader`

# Ethnicities by how MIMIC-III's own begin. Any other one is "other".
ETHNICITIES = {
    "white": "white",
    "black": "black",
    "hispanic": "hispanic",
    "asian": "asian",
    "unknown": "unknown",
    "unable": "unknown",
    "patient declined": "unknown",
}


def open_reader(root: Path) -> TableReader:
    """Return a reader of the cohort; see `read_mimic3`."""
    return TableReader(read_mimic3(root))


def read_mimic3(folder: Path) -> FeatureTable:
    """Build the cohort from a folder of MIMIC-III's CSV files.

    Objects are ids of ICU stays, of the train split first, then by patient id. Raises `UserError` for a missing or
    damaged table, a missing column, and for a folder without any patient of the cohort.
    """
    stays, counts = _select_stays(folder)
    split = _draw_test_patients(len(stays))
    stays = pd.concat([stays[split == TRAIN], stays[split == TEST]])
    procedures = _read_codes(folder, "PROCEDURES_ICD", stays)
    by_drug, with_vasopressor = read_prescriptions(require_table(folder, "PRESCRIPTIONS"), stays)
    treated, absent = find_treated(folder, stays)
    treated |= with_vasopressor | set(procedures["hadm_id"][procedures["icd9_code"].isin(TREATMENT_ICD9)])
    diagnoses = _group_codes(_read_codes(folder, "DIAGNOSES_ICD", stays), group_diagnosis)
    chapters = _group_codes(procedures, group_procedure)
    features = pd.concat(
        [
            _describe_patients(stays),
            _flag("diagnosis", diagnoses, [*DIAGNOSIS_CHAPTERS, *LETTER_CHAPTERS.values()], stays.index),
            _flag("procedure", chapters, [*PROCEDURE_CHAPTERS], stays.index),
            _flag("medication", by_drug, [*by_drug], stays.index),
        ],
        axis=1,
    )
    return FeatureTable(
        features=features.reset_index(drop=True),
        sensitive=SENSITIVE,
        label=np.where(stays["los"] > LONG_DAYS, CLASSES[1], CLASSES[0]),
        classes=CLASSES,
        splits=np.sort(split),
        objects=stays["icustay_id"].to_numpy(dtype=str),
        attributes={"treatment": np.where(stays.index.isin(treated), "yes", "no")},
        counts=counts,
        caveat=_make_caveat(absent),
    )


def _select_stays(folder: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the cohort's stays by admission id, sorted by patient, and the numbers left after each step."""
    people = require_table(folder, "PATIENTS")
    columns = ["subject_id", "gender", "dob"]
    patients = people.read(columns, required=columns)
    admissions = _read_admissions(folder)
    table = require_table(folder, "ICUSTAYS")
    columns = ["icustay_id", "subject_id", "hadm_id", "first_careunit", "intime", "outtime", "los"]
    stays = table.read(columns, required=columns[:3])
    counts = {"patients": len(patients), "admissions": len(admissions), "ICU stays": len(stays)}
    owner = stays["hadm_id"].map(admissions.set_index("hadm_id")["subject_id"])
    for key, found, name in (
        ("subject_id", stays["subject_id"].isin(patients["subject_id"]), "PATIENTS"),
        ("hadm_id", stays["subject_id"] == owner, "ADMISSIONS"),
    ):
        if not found.all():
            raise UserError(
                f"{table.path} has {key.upper()} {stays[key][~found].iloc[0]}, which is not in {name}, or of another "
                "patient there; take all tables from one release of MIMIC-III"
            )
    stays = stays.dropna(subset=["intime", "outtime", "los"])
    stays = stays.assign(
        los=table.numbers(stays["los"], lowest=0), **{name: table.times(stays[name]) for name in ("intime", "outtime")}
    )
    counts["ICU stays of known length"] = len(stays)
    stays = stays.merge(patients, on="subject_id", validate="m:1")
    stays["age"] = _count_years(people.times(stays["dob"]), stays["intime"])
    stays = stays[stays["age"] >= ADULT_YEARS]
    counts["ICU stays of adults"] = len(stays)
    numbers = {name: table.numbers(stays[name]) for name in ("subject_id", "icustay_id")}
    order = np.lexsort((numbers["icustay_id"], stays["intime"], numbers["subject_id"]))
    stays = stays.iloc[order].drop_duplicates("subject_id")
    counts["first ICU stays of adults"] = len(stays)
    if stays.empty:
        raise UserError(f"{table.path} has no stay of an adult of known length; give a folder of MIMIC-III v1.4")
    return stays.merge(admissions, on=["subject_id", "hadm_id"], validate="1:1").set_index("hadm_id"), counts


def _read_admissions(folder: Path) -> pd.DataFrame:
    columns = ["hadm_id", "subject_id", "admission_type", "insurance", "language", "marital_status", "ethnicity"]
    return require_table(folder, "ADMISSIONS").read(columns, required=columns[:2])


def _count_years(birth: pd.Series, moment: pd.Series) -> pd.Series:
    """Return completed years (N,) from birth to a moment."""
    before_birthday = moment.dt.month * 100 + moment.dt.day < birth.dt.month * 100 + birth.dt.day
    return (moment.dt.year - birth.dt.year - before_birthday).astype("int64")


def _draw_test_patients(patients: int) -> np.ndarray:
    """Return splits (N,) uint8: a third of the patients, drawn at random, is the test split."""
    split = np.full(patients, TRAIN, dtype=np.uint8)
    split[numpy_generator(SPLIT_SEED, "MIMIC-III test split").permutation(patients)[: patients // TEST_PART]] = TEST
    return split


def _describe_patients(stays: pd.DataFrame) -> pd.DataFrame:
    """Return the demographic features by admission id."""
    if not stays["gender"].isin(GENDERS).all():
        odd = stays["gender"][~stays["gender"].isin(GENDERS)].iloc[0]
        raise UserError(f"table PATIENTS has {odd!r} in column GENDER, where MIMIC-III has F or M; get it again")
    languages = stays["language"].str.lower()
    marital = stays["marital_status"].fillna("unknown").str.lower()
    return pd.DataFrame(
        {
            "gender": stays["gender"],
            "age": stays["age"].clip(upper=OLDEST_YEARS).astype("float64"),
            "ethnicity": stays["ethnicity"].fillna("unknown").map(_group_ethnicity),
            "insurance": stays["insurance"].fillna("unknown").str.lower(),
            "marital_status": marital.where(~marital.str.startswith("unknown"), "unknown"),
            "language": languages.map(lambda name: "english" if name == "engl" else "other").where(
                languages.notna(), "unknown"
            ),
            "admission_type": stays["admission_type"].fillna("unknown").str.lower(),
            "first_careunit": stays["first_careunit"].fillna("unknown"),
        }
    )


def _group_ethnicity(name: str) -> str:
    return next((group for start, group in ETHNICITIES.items() if name.lower().startswith(start)), "other")


def _read_codes(folder: Path, name: str, stays: pd.DataFrame) -> pd.DataFrame:
    """Return the ICD-9 codes of the cohort's admissions: columns hadm_id and icd9_code, text without dots."""
    chunks = require_table(folder, name).chunks(["hadm_id", "icd9_code"])
    return pd.concat([chunk[chunk["hadm_id"].isin(stays.index)].dropna() for chunk in chunks], ignore_index=True)


def _group_codes(codes: pd.DataFrame, group: Callable[[str], str | None]) -> dict[str, set[str]]:
    """Return the admissions with a code of each group."""
    groups = codes["icd9_code"].map({code: group(code) for code in codes["icd9_code"].unique()})
    return {str(name): set(rows) for name, rows in codes["hadm_id"].groupby(groups)}


def _flag(prefix: str, groups: dict[str, set[str]], names: list[str], admissions: pd.Index) -> pd.DataFrame:
    """Return a boolean column per name, by admission id: whether the admission is in that group."""
    return pd.DataFrame(
        {f"{prefix}_{name}": admissions.isin(groups.get(name, set())) for name in names}, index=admissions
    )


def _make_caveat(absent: list[str]) -> str:
    caveat = f"MIMIC-III has no official split: one patient in {TEST_PART}, drawn with a fixed seed, is the test split"
    if absent:
        caveat += f"; the treatment attribute does without the absent tables {', '.join(absent)}"
    return caveat
