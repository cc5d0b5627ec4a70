"""What was done during a MIMIC-III stay: medications by group, and the treatment attribute.

Tables of events have hundreds of millions of cells: each is read once, in chunks, and of every chunk only the rows
of the cohort are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.mimic3.codes import (
    DRUG_GROUPS,
    PROCEDURES_METAVISION,
    TREATMENT_CPT,
    VASOPRESSORS,
    VASOPRESSORS_CAREVUE,
    VASOPRESSORS_METAVISION,
)
from workflow_scripts.data.mimic3.files import CsvTable, find_table

VEIN = "IV"  # beginning of the routes IV, IV DRIP, IV BOLUS, ...


@dataclass(frozen=True)
class TreatmentTable:
    """A table that tells of treatment: rows whose `code` column holds one of `codes` count.

    start, end: columns of the event's time. whole_days: these are dates. evidence: columns that tell whether the
    event took place (see `took_place`).
    """

    name: str
    code: str
    codes: frozenset[str]
    start: str
    end: str
    whole_days: bool = False
    evidence: tuple[str, ...] = ()


# None of them is needed: prescriptions and billed procedures, which are always there, tell of treatment too.
TREATMENT_TABLES = (
    TreatmentTable(
        "INPUTEVENTS_MV",
        "itemid",
        frozenset(VASOPRESSORS_METAVISION),
        "starttime",
        "endtime",
        evidence=("statusdescription",),
    ),
    TreatmentTable(
        "INPUTEVENTS_CV",
        "itemid",
        frozenset(VASOPRESSORS_CAREVUE),
        "charttime",
        "charttime",
        evidence=("amount", "rate"),
    ),
    TreatmentTable(
        "PROCEDUREEVENTS_MV",
        "itemid",
        frozenset(PROCEDURES_METAVISION),
        "starttime",
        "endtime",
        evidence=("statusdescription",),
    ),
    TreatmentTable("CPTEVENTS", "cpt_cd", frozenset(TREATMENT_CPT), "chartdate", "chartdate", whole_days=True),
)


def find_treated(folder: Path, stays: pd.DataFrame) -> tuple[set[str], list[str]]:
    """Return the admissions that the optional tables say were treated during the stay, and the tables absent.

    stays: the cohort by admission id, with columns intime and outtime (datetime64[s]).
    """
    treated: set[str] = set()
    absent = []
    for wanted in TREATMENT_TABLES:
        table = find_table(folder, wanted.name)
        if table is None:
            absent.append(wanted.name)
            continue
        columns = list(dict.fromkeys(["hadm_id", wanted.code, wanted.start, wanted.end, *wanted.evidence]))
        for chunk in table.chunks(columns):
            events = chunk[chunk["hadm_id"].isin(stays.index) & chunk[wanted.code].isin(wanted.codes)]
            events = events[took_place(table, events)]
            inside = overlaps_stay(
                events["hadm_id"],
                table.times(events[wanted.start]),
                table.times(events[wanted.end]),
                stays,
                wanted.whole_days,
            )
            treated.update(events.loc[inside, "hadm_id"])
    return treated, absent


def took_place(table: CsvTable, events: pd.DataFrame) -> pd.Series:
    """Tell of each event whether it took place: a record that was rewritten or of amount and rate zero did not."""
    if "statusdescription" in events:
        return events["statusdescription"] != "Rewritten"
    if "rate" in events:
        return (table.numbers(events["rate"]) > 0) | (table.numbers(events["amount"]) > 0)
    return pd.Series(True, index=events.index)


def overlaps_stay(
    admissions: pd.Series, start: pd.Series, end: pd.Series, stays: pd.DataFrame, whole_days: bool
) -> np.ndarray:
    """Tell of each event (E,) whether it overlaps the stay of its admission.

    admissions: ids, all of them in the index of `stays`. start, end: datetime64[s]; where one is missing or end is
    before start, the event is a moment. An event without any time counts, as codes of the whole admission do.
    whole_days: compare days, for times of day are not known.
    """
    first, last = (stays.loc[admissions, name].to_numpy() for name in ("intime", "outtime"))
    start, end = start.fillna(end), end.fillna(start)
    begun, ended = start.to_numpy(), np.fmax(start.to_numpy(), end.to_numpy())
    if whole_days:
        first, last, begun, ended = (times.astype("datetime64[D]") for times in (first, last, begun, ended))
    return np.isnat(begun) | ((begun <= last) & (ended >= first))


def read_prescriptions(table: CsvTable, stays: pd.DataFrame) -> tuple[dict[str, set[str]], set[str]]:
    """Return admissions by drug group, and the admissions with a vasopressor: both ordered for a day of the stay.

    stays: as for `find_treated`.
    """
    groups: dict[str, set[str]] = {name: set() for name in DRUG_GROUPS}
    treated: set[str] = set()
    for admissions, names, veins in _list_prescriptions(table, stays):
        codes, unique = pd.factorize(names)  # some thousand names stand for millions of orders
        texts = pd.Series(unique, dtype=str)
        flushes = texts.str.contains("flush", regex=False)  # keep lines open, treat nothing
        for name, drugs in DRUG_GROUPS.items():
            found = (texts.str.contains(_match_beginnings(drugs)) & ~flushes).to_numpy()
            groups[name].update(admissions[found[codes]])
        # Not the epinephrine in a local anaesthetic, such as "lidocaine/epinephrine".
        pressors = (texts.str.contains(_match_beginnings(VASOPRESSORS)) & ~texts.str.contains("caine")).to_numpy()
        treated.update(admissions[pressors[codes] & veins])
    return groups, treated


def _list_prescriptions(table: CsvTable, stays: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield of each chunk's orders in a stay: admissions (P,), names in lower case (P,), given into a vein (P,)."""
    for chunk in table.chunks(["hadm_id", "startdate", "enddate", "drug", "drug_name_generic", "route"]):
        orders = chunk[chunk["hadm_id"].isin(stays.index)]
        start, end = table.times(orders["startdate"]), table.times(orders["enddate"])
        orders = orders[overlaps_stay(orders["hadm_id"], start, end, stays, whole_days=True)]
        names = orders["drug"].fillna("") + "; " + orders["drug_name_generic"].fillna("")
        veins = orders["route"].fillna("").str.startswith(VEIN)
        yield orders["hadm_id"].to_numpy(), names.str.lower().to_numpy(), veins.to_numpy()


def _match_beginnings(words: tuple[str, ...]) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, words))})"
