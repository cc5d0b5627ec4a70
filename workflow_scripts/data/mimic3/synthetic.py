"""Synthetic patients of known structure, to try the MIMIC-III pipeline without the credentialed data.

Generating equations, for each patient apart; sigma is the logistic function, g = +1/2 for M and -1/2 for F:

    gender      P(M) = male_share
    severity    s ~ N(0, 1), independent of gender; it stands in no table
    long stay   P(long) = sigma(stay_intercept + severity_on_stay s + gender_on_stay g); the length of stay is
                3 days x exp(u / 2), where u is that logit plus standard logistic noise, so long is u > 0
    treatment   P(yes) = sigma(treatment_intercept + severity_on_treatment s + gender_on_treatment g), independent
                of the length of stay given s and g
    features    chapter and drug group j of J: P(yes) = sigma(a_j + severity_on_features s), with a_j evenly spaced
                from -2.5 to 0.5, each independent of all else given s; to the logit of the `PROXIES`, proxy_strength g
                is added. Chapters that only one gender has, and newborns, do not occur
    age         60 + 6 severity_on_features s + 14 z, z ~ N(0, 1), in whole years from 18 to 95
    the others  (ethnicity, insurance, ...) uniform over their values, independent of everything

So, with proxy_strength 0, no feature but gender itself tells anything of gender, and an embedding can be invariant
without loss; while label and treatment depend on gender by log odds ratios of gender_on_stay and gender_on_treatment.
`compute_truth` gives what follows from that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Le

from workflow_scripts.data.mimic3.codes import DIAGNOSIS_CHAPTERS, DRUG_GROUPS, LETTER_CHAPTERS, PROCEDURE_CHAPTERS
from workflow_scripts.data.mimic3.cohort import ADULT_YEARS, LONG_DAYS
from workflow_scripts.experiment.checking import check_schema, fill
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.support.files import hash_settings
from workflow_scripts.support.seeding import numpy_generator

GENERATOR = 1  # of the patients that one and the same settings give; part of the settings hash
STAY_RANGE = (0.01, 180.0)  # days
AGE_RANGE = (ADULT_YEARS, 95)
INTERCEPTS = (-2.5, 0.5)  # of the rarest and of the most frequent chapter or drug group
PROXIES = ("diagnosis_genitourinary", "medication_thyroid")
OMITTED = {"diagnosis_pregnancy", "diagnosis_perinatal"} | {
    f"procedure_{name}" for name in ("male_genital", "female_genital", "obstetrical")
}
INDICATORS = [
    name
    for prefix, groups in {
        "diagnosis": [*DIAGNOSIS_CHAPTERS, *LETTER_CHAPTERS.values()],
        "procedure": [*PROCEDURE_CHAPTERS],
        "medication": [*DRUG_GROUPS],
    }.items()
    for name in (f"{prefix}_{group}" for group in groups)
    if name not in OMITTED
]
DEMOGRAPHICS = {
    "ethnicity": ("WHITE", "BLACK/AFRICAN AMERICAN", "HISPANIC OR LATINO", "ASIAN", "UNKNOWN/NOT SPECIFIED"),
    "insurance": ("Medicare", "Private", "Medicaid", "Government", "Self Pay"),
    "marital_status": ("MARRIED", "SINGLE", "WIDOWED", "DIVORCED"),
    "language": ("ENGL", "SPAN", "RUSS", ""),
    "admission_type": ("EMERGENCY", "ELECTIVE", "URGENT"),
    "first_careunit": ("MICU", "SICU", "CCU", "TSICU", "CSRU"),
}
KINDS = ("vasopressor", "ventilation", "dialysis")  # of treatment, equally frequent

Effect = Annotated[float, Ge(-10), Le(10)]  # a log odds ratio


@dataclass(frozen=True)
class SyntheticSettings:
    """All that decides the bytes of the synthetic tables; see the equations above. Effects are log odds ratios."""

    patients: Annotated[int, Ge(30), Le(100_000)] = 5000
    male_share: Annotated[float, Ge(0.05), Le(0.95)] = 0.55
    stay_intercept: Effect = -0.6
    severity_on_stay: Effect = 1.5
    gender_on_stay: Effect = 1.0
    treatment_intercept: Effect = -0.4
    severity_on_treatment: Effect = 1.5
    gender_on_treatment: Effect = 1.0
    severity_on_features: Effect = 1.0
    proxy_strength: Effect = 0.0
    seed: Annotated[int, Ge(0), Le(2**63 - 1)] = 0

    def as_json(self) -> dict[str, Any]:
        """Return the JSON-like map that stands for the way the tables were made."""
        return {"generator": GENERATOR, **asdict(self)}

    def hash(self) -> str:
        """Return the settings hash: 16 hex digits."""
        return hash_settings(self.as_json())


def parse_settings(given: Any) -> SyntheticSettings:
    """Turn a JSON value into settings; absent keys take their defaults. Raises `UserError` for bad ones."""
    schema = read_schema("synthesizers", "mimic3")
    schema = {**schema, "required": [], "properties": {k: v for k, v in schema["properties"].items() if k != "kind"}}
    check_schema(given, schema, "settings of synthetic patients")
    return SyntheticSettings(**fill(given, schema))


def sample_patients(settings: SyntheticSettings) -> pd.DataFrame:
    """Draw the patients: a row each, with columns severity, gender, age, los (days), treatment, kind, and features.

    `kind` is one of `KINDS`, and means something for treated patients only; columns of `INDICATORS` are boolean.
    """
    count = settings.patients
    uniform = {
        name: numpy_generator(settings.seed, "MIMIC-III synthesis", name).random(count)
        for name in ("gender", "treatment", "kind", *DEMOGRAPHICS, *INDICATORS)
    }
    severity, noise = numpy_generator(settings.seed, "MIMIC-III synthesis", "severity and age").normal(size=(2, count))
    male = uniform["gender"] < settings.male_share
    logistic = numpy_generator(settings.seed, "MIMIC-III synthesis", "stay").logistic(size=count)
    stay = _logit_of_stay(settings, severity, male) + logistic
    treated = uniform["treatment"] < _sigmoid(_logit_of_treatment(settings, severity, male))
    columns: dict[str, np.ndarray] = {
        "severity": severity,
        "gender": np.where(male, "M", "F"),
        "age": np.clip(np.rint(60 + 6 * settings.severity_on_features * severity + 14 * noise), *AGE_RANGE),
        "los": np.clip(LONG_DAYS * np.exp(stay / 2), *STAY_RANGE),
        "treatment": treated,
        "kind": _choose(uniform["kind"], KINDS),
    }
    columns |= {name: _choose(uniform[name], values) for name, values in DEMOGRAPHICS.items()}
    for name, intercept in zip(INDICATORS, np.linspace(*INTERCEPTS, len(INDICATORS)), strict=True):
        logit = intercept + settings.severity_on_features * severity
        if name in PROXIES:
            logit = logit + settings.proxy_strength * (male - 0.5)
        columns[name] = uniform[name] < _sigmoid(logit)
    return pd.DataFrame(columns)


def compute_truth(settings: SyntheticSettings) -> dict[str, Any]:
    """Return what follows from the settings, by numerical integration over the severity.

    P(long) and P(treated) by gender; and of the most accurate predictors of a long stay from the severity, one that
    knows the gender (aware) and one that does not (blind): accuracy, equalized odds difference (the larger of the
    differences of true and false positive rates between genders, as fairlearn has it) and equal opportunity
    difference (of the true positive rates). Features tell the severity but in part, so models reach a little less.
    """
    severity = np.linspace(-8, 8, 4001)
    weight = np.exp(-(severity**2) / 2)
    weight /= weight.sum()
    share = {"F": 1 - settings.male_share, "M": settings.male_share}
    male = {gender: np.full(len(severity), gender == "M") for gender in share}
    long = {gender: _sigmoid(_logit_of_stay(settings, severity, male[gender])) for gender in share}
    treated = {gender: _sigmoid(_logit_of_treatment(settings, severity, male[gender])) for gender in share}
    blind = share["F"] * long["F"] + share["M"] * long["M"] > 0.5
    return {
        "long": {gender: float(weight @ long[gender]) for gender in share},
        "treated": {gender: float(weight @ treated[gender]) for gender in share},
        "aware": _judge({gender: long[gender] > 0.5 for gender in share}, long, weight, share),
        "blind": _judge(dict.fromkeys(share, blind), long, weight, share),
    }


def _judge(
    predicted: dict[str, np.ndarray], long: dict[str, np.ndarray], weight: np.ndarray, share: dict[str, float]
) -> dict[str, float]:
    """Return accuracy and fairness of predictions (S,) for P(long) (S,) at severities of probability `weight` (S,)."""
    accuracy, rates = 0.0, {}
    for gender, positive in predicted.items():
        probability = long[gender]
        accuracy += share[gender] * float(weight @ np.where(positive, probability, 1 - probability))
        rates[gender] = np.array(
            [(weight * p) @ positive / (weight @ p) for p in (probability, 1 - probability)]  # true, false positives
        )
    gaps = np.abs(rates["M"] - rates["F"])
    return {
        "accuracy": accuracy,
        "equalized_odds_difference": float(gaps.max()),
        "equal_opportunity_difference": float(gaps[0]),
    }


def _logit_of_stay(settings: SyntheticSettings, severity: np.ndarray, male: np.ndarray) -> np.ndarray:
    return settings.stay_intercept + settings.severity_on_stay * severity + settings.gender_on_stay * (male - 0.5)


def _logit_of_treatment(settings: SyntheticSettings, severity: np.ndarray, male: np.ndarray) -> np.ndarray:
    effect = settings.severity_on_treatment * severity + settings.gender_on_treatment * (male - 0.5)
    return settings.treatment_intercept + effect


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def _choose(uniform: np.ndarray, values: tuple[str, ...]) -> np.ndarray:
    return np.array(values)[(uniform * len(values)).astype(int)]
