"""Synthetic patients: the structure that was put in is found again in the table that the MIMIC-III reader makes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fairlearn.metrics import equal_opportunity_difference, equalized_odds_difference
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from workflow_scripts.data.mimic3 import synthetic as mimic3_synthetic
from workflow_scripts.data.mimic3.synthetic import (
    INDICATORS,
    PROXIES,
    SyntheticSettings,
    compute_truth,
    parse_settings,
    sample_patients,
)
from workflow_scripts.data.readers.mimic3 import read_mimic3
from workflow_scripts.data.synthesizers.mimic3 import write_cohort
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit

SETTINGS = SyntheticSettings(patients=8000, gender_on_treatment=-0.8, seed=3)


def synthesize(folder: Path, settings: SyntheticSettings) -> Path:
    write_cohort(folder / "raw", folder / "raw.json", "synthetic", settings)
    return folder / "raw"


def digest(raw: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in raw.iterdir() if path.name != ".lock"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """The tables of 8,000 patients. Read only."""
    return synthesize(tmp_path_factory.mktemp("synthetic"), SETTINGS)


@pytest.fixture(scope="module")
def cohort(raw):
    """What the reader makes of the tables, and the patients as drawn, row by row."""
    table = read_mimic3(raw)
    return table, sample_patients(SETTINGS).iloc[[int(stay) - 200_001 for stay in table.objects]].reset_index(drop=True)


# --- the reader finds what was drawn ------------------------------------------------------------------------------


def test_every_patient_is_read_as_drawn(cohort):
    table, drawn = cohort
    assert set(table.counts.values()) == {8000}
    assert (table.features["gender"] == drawn["gender"]).all()
    assert (table.features["age"] == drawn["age"].clip(upper=90)).all()
    assert (drawn["age"] > 90).any()
    assert ((table.label == "long") == (drawn["los"] > 3)).all()
    assert ((table.attributes["treatment"] == "yes") == drawn["treatment"]).all()
    assert table.features[INDICATORS].equals(drawn[INDICATORS])
    other = table.features.select_dtypes(bool).columns.difference(INDICATORS)
    assert not table.features[other].to_numpy().any()


@pytest.mark.parametrize(
    ("target", "effects"),
    [
        ("stay", (SETTINGS.stay_intercept, SETTINGS.severity_on_stay, SETTINGS.gender_on_stay)),
        ("treatment", (SETTINGS.treatment_intercept, SETTINGS.severity_on_treatment, SETTINGS.gender_on_treatment)),
    ],
)
def test_effects_are_recovered(cohort, target, effects):
    """Logistic regression on severity and gender gives the effects back, within four standard errors."""
    table, drawn = cohort
    inputs = np.column_stack([drawn["severity"], (table.features["gender"] == "M") - 0.5])
    outcome = table.label == "long" if target == "stay" else table.attributes["treatment"] == "yes"
    model = LogisticRegression(C=np.inf).fit(inputs, outcome)
    probability = model.predict_proba(inputs)[:, 1]
    design = np.column_stack([np.ones(len(inputs)), inputs])
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * (probability * (1 - probability))[:, None]))))
    found = np.concatenate([model.intercept_, model.coef_[0]])
    assert errors.max() < 0.1
    assert (np.abs(found - effects) < 4 * errors).all()


def test_rates_are_the_true_ones(cohort):
    table, _ = cohort
    truth = compute_truth(SETTINGS)
    for gender in ("F", "M"):
        rows = table.features["gender"] == gender
        for rate, values, value in (("long", table.label, "long"), ("treated", table.attributes["treatment"], "yes")):
            assert (values[rows] == value).mean() == pytest.approx(truth[rate][gender], abs=4 * 0.5 / rows.sum() ** 0.5)


def test_fairness_of_the_best_predictors():
    """What compute_truth integrates is what fairlearn measures on many patients."""
    settings = SyntheticSettings(patients=100_000)
    patients, truth = sample_patients(settings), compute_truth(settings)
    long, male, severity = patients["los"] > 3, patients["gender"] == "M", patients["severity"]
    logit = settings.stay_intercept + settings.severity_on_stay * severity
    aware = logit + settings.gender_on_stay * (male - 0.5) > 0
    odds = equalized_odds_difference(long, aware, sensitive_features=patients["gender"])
    opportunity = equal_opportunity_difference(long, aware, sensitive_features=patients["gender"])
    assert (aware == long).mean() == pytest.approx(truth["aware"]["accuracy"], abs=0.006)
    assert odds == pytest.approx(truth["aware"]["equalized_odds_difference"], abs=0.02)
    assert opportunity == pytest.approx(truth["aware"]["equal_opportunity_difference"], abs=0.02)
    assert truth["aware"]["equalized_odds_difference"] > truth["blind"]["equalized_odds_difference"] + 0.05
    assert truth["aware"]["accuracy"] > truth["blind"]["accuracy"]


def test_without_effect_of_gender_the_best_predictor_is_fair():
    truth = compute_truth(SyntheticSettings(gender_on_stay=0.0))
    assert truth["aware"] == truth["blind"]
    assert truth["aware"]["equalized_odds_difference"] == pytest.approx(0, abs=1e-12)
    assert truth["long"]["F"] == pytest.approx(truth["long"]["M"], abs=1e-12)


def gender_z(features) -> np.ndarray:
    """The difference of each numeric column's mean between genders, in standard errors."""
    columns = features.select_dtypes(["bool", "number"])
    values, male = columns.loc[:, columns.nunique() > 1].astype(float), features["gender"] == "M"
    error = np.sqrt(values[male].var() / male.sum() + values[~male].var() / (~male).sum())
    return (values[male].mean() - values[~male].mean()) / error


def test_features_tell_nothing_of_gender_unless_asked(cohort):
    table, _ = cohort
    scores = gender_z(table.features)
    assert len(scores) > 60
    assert scores.abs().max() < norm.isf(1e-5)
    proxied = gender_z(sample_patients(SyntheticSettings(patients=8000, proxy_strength=2.0))[["gender", *INDICATORS]])
    assert (proxied[list(PROXIES)] > 10).all()
    assert proxied.drop(list(PROXIES)).abs().max() < norm.isf(1e-5)


def test_features_tell_of_severity(cohort):
    table, drawn = cohort
    score = table.features[INDICATORS].sum(axis=1)
    assert np.corrcoef(score, drawn["severity"])[0, 1] > 0.8


# --- files --------------------------------------------------------------------------------------------------------


def test_manifest(raw):
    manifest = json.loads((raw.parent / "raw.json").read_text())
    assert manifest["root"] == str(raw)
    assert manifest["source"] == "synthetic"
    assert "no patient is real" in manifest["caveat"]
    assert manifest["settings_hash"] == SETTINGS.hash()
    assert manifest["truth"] == compute_truth(SETTINGS)
    assert manifest["sha256"] == {name: value for name, value in digest(raw).items() if name.endswith(".csv")}


def test_columns_are_those_of_the_demo(raw, shared_data):
    for path in raw.glob("*.csv"):
        with open(path) as ours, open(shared_data / "mimic3demo" / path.name) as official:
            assert ours.readline().lower() == official.readline().lower()


def test_same_seed_same_bytes(raw, tmp_path):
    assert digest(synthesize(tmp_path / "again", SETTINGS)) == digest(raw)
    small = {seed: synthesize(tmp_path / str(seed), SyntheticSettings(patients=50, seed=seed)) for seed in (0, 1)}
    assert not set(digest(small[0]).values()) & set(digest(small[1]).values())


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_kill_and_rerun_gives_the_same_files(raw, tmp_path):
    """SIGKILL while tables are written, over those of other settings."""
    synthesize(tmp_path, SyntheticSettings(patients=30))
    (tmp_path / "raw" / ".PATIENTS.csv.x1.csv").touch()  # of a process killed while it wrote this file
    before = (tmp_path / "raw" / "PATIENTS.csv").read_bytes()
    options = ["--raw", tmp_path / "raw", "--manifest", tmp_path / "raw.json", "--source", "synthetic"]
    given = {"kind": "mimic3", "patients": 8000, "gender_on_treatment": -0.8, "seed": 3}
    process = subprocess.Popen(
        [sys.executable, "-m", "workflow_scripts.synthesize", *map(str, options), "--settings", json.dumps(given)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    deadline = time.monotonic() + 60
    while (tmp_path / "raw" / "PATIENTS.csv").read_bytes() == before:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "raw.json").exists()
    assert digest(synthesize(tmp_path, SETTINGS)) == digest(raw)


@pytest.mark.faults
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "PATIENTS.csv").write_text("real patients")
    with pytest.raises(UserError, match="raw holds files that this step did not write"):
        synthesize(tmp_path, SETTINGS)
    assert (tmp_path / "raw" / "PATIENTS.csv").read_text() == "real patients"
    assert not (tmp_path / "raw.json").exists()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "settings of synthetic patients: the top level: [] is not of type 'object'"),
        (
            {"patient": 5},
            "settings of synthetic patients: unknown key 'patient' at the top level; did you mean 'patients'?",
        ),
        ({"patients": 29}, "settings of synthetic patients: patients: 29 is less than the minimum of 30"),
        ({"patients": 50.5}, "settings of synthetic patients: patients: 50.5 is not of type 'integer'"),
        ({"male_share": 1.0}, "settings of synthetic patients: male_share: 1.0 is greater than the maximum of 0.95"),
        ({"gender_on_stay": "much"}, "settings of synthetic patients: gender_on_stay: 'much' is not of type"),
        ({"proxy_strength": float("nan")}, "settings of synthetic patients: proxy_strength: nan is not of type"),
        ({"seed": True}, "settings of synthetic patients: seed: True is not of type 'integer'"),
    ],
)
def test_bad_settings_are_told_in_one_sentence(given, sentence):
    with pytest.raises(UserError) as caught:
        parse_settings(given)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_settings_are_checked_and_typed():
    assert parse_settings({}) == SyntheticSettings()
    assert parse_settings({"gender_on_stay": 1}).hash() == SyntheticSettings().hash()
    assert parse_settings({"proxy_strength": 2, "seed": 4}) == SyntheticSettings(proxy_strength=2.0, seed=4)


@pytest.mark.parametrize("extreme", [-10.0, 10.0])
def test_extreme_settings_give_finite_tables(tmp_path, extreme):
    effects = {name: extreme for name in SyntheticSettings().as_json() if "_on_" in name or "intercept" in name}
    settings = parse_settings({"patients": 60, "proxy_strength": extreme, **effects})
    low, high = mimic3_synthetic.STAY_RANGE
    assert sample_patients(settings)["los"].between(low, high).all()
    assert set(read_mimic3(synthesize(tmp_path, settings)).counts.values()) == {60}
    assert all(np.isfinite(value) for part in compute_truth(settings).values() for value in part.values())
