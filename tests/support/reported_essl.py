"""Made-up rows of every run of the second paper: one number for every measure that some evaluator has."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pandas as pd
from reported import ROOT

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.runs import parse_name
from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.rows import KEY_COLUMNS, Row, make_rows

ESSL = ROOT / "papers" / "essl"
RUNS: list[str] = read_yaml(ESSL / "paper.yaml")["methods"]
GROUPS = ["rotation", "hflip", "vflip", "inversion", "grayscale", "jigsaw", "blur", "blur_sigma"]
SIZES = [(2, 10), (4, 10), (10, 10), (24, 10), (100, 10), (1000, 10), (4, 100), (100, 100)]
STEPS = [5, 10, 15]
Value = Callable[..., float]  # of (run, seed, representation, task, metric, condition, level)


def make_number(*key: Any) -> float:
    """Return a number between 0 and 100 that no other key has, most likely."""
    return zlib.crc32(repr(key).encode()) % 10**6 / 10**4


def list_places(name: str) -> list[tuple[str, str, str, str, int | None]]:
    """Return (representation, task, metric, condition, level) of all that is measured of a run."""
    method, group, _ = parse_name(name)
    places: list[tuple[str, str, str, str, int | None]] = [("h", "class", "top1", "", None)]
    if group or method == "random_probe":
        places += [("logits", "class", metric, "", None) for metric in ("top1", "top1_best")]
        places += [("logits", "class", "top1", "step", step) for step in STEPS]
    if group:
        measures = ("train_loss", "train_accuracy", "accuracy")
        places += [("pretext", "pretext", metric, "", None) for metric in measures]
        places += [("pretext", "pretext", metric, "step", step) for metric in measures for step in STEPS]
    elif method == "constant":
        tasks = ("rotation", "hflip", "vflip")
        places += [("pixels", task, "leak_accuracy", "grid shift", shift) for task in tasks for shift in (0, 3, 8)]
        for actions, classes in SIZES:
            exact = ("exact", f"additive model, {classes} classes")
            places += [(*exact, "information", f"lambda {ratio}", actions) for ratio in ("0", "1/2", "1", "2", "3")]
            places += [(*exact, "lower_bound", "lambda 1", actions)]
    else:
        metrics = ("information", "information_shuffled", "cross_entropy", "cross_entropy_with_class")
        places += [("h", task, metric, "", None) for task in GROUPS for metric in metrics]
    return places


def make_essl_rows(
    value: Value = make_number, dataset: str = "cifar10", runs: list[str] = RUNS, seeds: int = 3
) -> pd.DataFrame:
    """Return rows of every run."""
    rows: list[Row] = []
    for name in runs:
        run = dict(zip(("method", "group", "variant"), parse_name(name), strict=True))
        origin = {"config_hash": "c", "data_hash": "d", "code_hash": "e", "device": "cpu", "n": 9, "split": "test"}
        for seed in range(seeds):
            head = {"dataset": dataset, **run, "seed": seed, "run": f"results/s/{dataset}/{name}/seed{seed}", **origin}
            for place in list_places(name):
                keys = dict(zip(("representation", "task", "metric", "condition", "level"), place, strict=True))
                rows.append({**head, **keys, "value": value(name, seed, *place)})
    return make_rows(rows)


def make_essl(rows: pd.DataFrame, benchmark: str = "cifar10", runs: list[str] = RUNS) -> Material:
    """Return what views are made of, for the data set of the rows."""
    dataset = str(rows["dataset"].iloc[0])
    rows = rows.astype({name: "category" for name, kind in KEY_COLUMNS.items() if kind == "str"})
    measured = {dataset: describe_measured(rows, dataset, GROUPS, runs)}
    return Material(rows, {dataset: describe_essl(benchmark, runs)}, measured, {dataset: "made up"})


def describe_essl(benchmark: str, runs: list[str]) -> dict[str, Any]:
    """Return what reporting gets to know of a data set."""
    entry = {"source": "toy", "benchmarks": {"essl": benchmark}, "groups": GROUPS, "views": "transformable"}
    return {**entry, "methods": runs, "settings": {}}
