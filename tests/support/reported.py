"""Rows and what else the rules of reporting are given, small and made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.reporting.cells import Table, make_tables, read_material
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.rows import Row, make_rows, write_rows
from workflow_scripts.support.files import write_json

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "papers" / "contextssl"
CAVEAT = "embedded data <b>& small</b>"
GROUPS = ["rotation", "color"]
LENGTHS = [0, 2, 14, 30, 126]


def make_row(
    run: str,
    task: str,
    metric: str,
    value: float,
    representation: str = "h",
    context: str = "",
    level: int | None = None,
    seed: int = 0,
    dataset: str = "toy",
) -> Row:
    """Return a row of the test split. run: `<method>[~variant]`. context: its kind, "" for none."""
    method, _, variant = run.partition("~")
    keys = {"dataset": dataset, "method": method, "group": "", "variant": variant, "seed": seed}
    condition = f"context {context}" if context else ""
    where = {"representation": representation, "condition": condition, "level": level, "split": "test"}
    origin = {
        "run": f"results/space/{dataset}/{run}/seed{seed}",
        "config_hash": "c",
        "data_hash": "d",
        "code_hash": "e",
    }
    return {**keys, **where, "task": task, "metric": metric, "value": value, "n": 9, **origin, "device": "cpu"}


def make_all_rows(random: np.random.Generator, runs: list[str], dataset: str = "toy") -> list[Row]:
    """Random numbers of every run with three seeds; contextssl under every context."""
    rows = []
    for run in runs:
        places: list[tuple[str, str, int | None]] = [("h", "", None)]
        if run.startswith("contextssl"):
            places += [("z+", kind, length) for kind in GROUPS for length in LENGTHS]
            places += [("z+", kind, 14) for kind in ("zero-action", "rotation+shuffled", "color+shuffled")]
        for representation, context, length in places:
            for seed in range(3):
                place: Any = (representation, context, length, seed, dataset)
                for task in GROUPS:
                    for metric in ("r2", "r2_pooled"):
                        rows.append(make_row(run, task, metric, float(random.random()), *place))
                rows.append(make_row(run, "class", "top1", 90.0, *place))
    return rows


def describe_dataset(methods: list[str], paper: str = "contextssl", benchmark: str = "3diebench") -> dict[str, Any]:
    """Return what reporting gets to know of a data set."""
    entry = {"source": "toy", "benchmarks": {paper: benchmark}, "groups": GROUPS, "views": "stored"}
    return {**entry, "methods": methods, "settings": {}}


def make_given(folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """Write rows of two methods and a control, and return what the rules would pass."""
    rows = make_rows(make_all_rows(random, ["simclr", "contextssl", "constant"]))
    path = folder / "rows.parquet"
    write_rows(rows, path)
    meta = folder / "data" / "toy" / "packed" / "meta.json"
    meta.parent.mkdir(parents=True)
    objects = {"train": 3, "test": 2}
    facts = {"source": "toy", "description": "Toy.", "classes": ["<script>alert(1)</script>"], "objects": objects}
    facts |= {"caveat": CAVEAT, "views": 4, "resolution": 32}
    write_json(meta, {**facts, "columns": [], "counts": [["patients", 100], ["adults", 99]]})
    entry = describe_dataset(["simclr", "contextssl", "constant"])
    entry["settings"] = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    return {"rows": rows, "path": path, "meta": meta, "datasets": {"toy": entry}}


def tables_of(given: dict[str, Any], paper: Path = PAPER, **changes: Any) -> dict[tuple[str, str], Table]:
    """Return a paper's tables by scope and name."""
    given = {**given, **changes}
    material = read_material(given["path"], [given["meta"]], given["datasets"], given.get("runs", []))
    tables = make_tables(material, read_paper(paper))
    return {(table.view.place.scope, table.view.place.table): table for table in tables}


def make_fairness_rows(
    none: tuple[float, ...], equivariant: tuple[float, ...], invariant: tuple[float, ...], treatment: tuple = ()
) -> pd.DataFrame:
    """Rows of ContextSSL with (gender accuracy, equalized odds, equality of opportunity) in each context."""
    rows = []
    for kind, length, values in (("gender", 0, none), ("gender", 126, equivariant), ("invariant", 126, invariant)):
        names = (("gender", "accuracy"), ("class", "equalized_odds"), ("class", "equality_of_opportunity"))
        for (task, metric), value in zip(names, values, strict=True):
            rows.append(make_row("contextssl", task, metric, value, "z+", kind, length))
    for length, value in zip((0, 126), treatment, strict=False):
        rows.append(make_row("contextssl", "treatment", "accuracy", value, "z+", "gender", length))
    return make_rows(rows)


def write_tables(given, folder):
    """Write the paper's tables as the rule does."""
    for table in map(lay_out, tables_of(given).values()):
        for ending, convert in FORMATS.items():
            path = folder / "tables" / f"{table.place.stem}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(convert(table))
