"""Made-up rows of every run of the third paper, and of those it stands beside: one number for every measure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from reported import ROOT

from workflow_scripts.experiment.runs import parse_name
from workflow_scripts.reporting.cells import Material
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.rows import KEY_COLUMNS, Row, make_rows

LOOC, ACROSS = ROOT / "papers" / "looc", ROOT / "papers" / "across"
IMAGES, ROWS, RENDERED = ("imagenet-100", "cifar10", "laptop"), "tabular", "rendered"
SPACES = {"looc~rotation": ["rotation"], "looc~color": ["color"], "looc~color_rotation": ["color", "rotation"]}
SPACES |= {"looc~color_rotation_texture": ["color", "rotation", "texture"], "looc~gender": ["gender"]}
CONTROLS = ["supervised", "random", "constant"]
OTHERS = ["simclr", "contextssl"]
OF_IMAGES = ["moco", "moco~rotated", "moco~rotated_alike", "moco~long", *list(SPACES)[:3], *CONTROLS]
RUNS = {
    "imagenet-100": [*OF_IMAGES, "looc~color_rotation_texture", "simclr", "pretext@rotation~turned"],
    "cifar10": [*OF_IMAGES, "looc~color_rotation_texture", *OTHERS, "pretext@rotation~turned"],
    "laptop": [*OF_IMAGES, *OTHERS, "pretext@rotation~turned"],
    "tabular": ["looc~gender", "moco", *OTHERS, "raw", "raw~blind", *CONTROLS],
    "rendered": ["moco", *list(SPACES)[:3], *OTHERS, *CONTROLS],
}
TRANSFER = {"imagenet-100": ["inaturalist-2019", "cub-200-2011"], "cifar10": ["cifar100"], "laptop": ["cifar10-16"]}
FEW = {**TRANSFER, "imagenet-100": ["flowers-102"]}
SMALL = ["gaussian noise", "shot noise", "blur", "contrast", "pixelate", "jpeg"]
Value = Callable[..., float]  # of (run, seed, representation, task, metric, condition, level)
Spot = tuple[str, str, str, str, int | None]  # representation, task, metric, condition, level


def make_number(*key: Any) -> float:
    """Return a number between 0 and 100 that no other key has, most likely."""
    return zlib.crc32(repr(key).encode()) % 10**6 / 10**4


def list_spaces(name: str) -> list[str]:
    """Return the spaces of a run with queues, none of another."""
    return ["all", *SPACES.get(name, [])] if name.startswith(("moco", "looc")) else []


def list_readouts(name: str) -> list[str]:
    """Return h, and the readouts of a run's method."""
    spaces = list_spaces(name)
    wide = ["hidden", "untrained"] if spaces else []
    return ["h", *(f"z_{space}" for space in spaces), *(["outputs"] if len(spaces) > 1 else []), *wide]


def list_spots(name: str, benchmark: str) -> list[Spot]:
    """Return all that is measured of a run on data that stand for a benchmark."""
    readouts, spaces = list_readouts(name), list_spaces(name)
    spots: list[Spot] = []
    for space in spaces[1:]:
        spots += [(f"z_{space}", space, metric, "", None) for metric in ("same_image_mass", "queue_share")]
    if len(spaces) > 1 and benchmark != ROWS:
        tasks = [*spaces, *(f"{space}, inaturalist-2019" for space in spaces if benchmark == "imagenet-100")]
        spots += [("hidden", task, metric, "", None) for task in tasks for metric in ("usage", "contribution")]
    if benchmark in (ROWS, RENDERED):
        kinds = ("gender", "invariant") if benchmark == ROWS else ("rotation", "color")
        contexts = [(f"context {kind}", level) for kind in kinds for level in (0, 14)] if name == "contextssl" else []
        measures = [("gender", "accuracy"), ("class", "accuracy"), ("class", "equalized_odds")]
        measures += [("class", "equality_of_opportunity")]
        if benchmark == RENDERED:
            measures = [(group, metric) for group in kinds for metric in ("r2", "r2_pooled")] + [("class", "top1")]
        places = [(readout, "", None) for readout in readouts] + [("z+", *context) for context in contexts]
        return spots + [(r, task, metric, c, level) for r, c, level in places for task, metric in measures]
    for readout in readouts:
        spots += [(readout, "class", metric, "", None) for metric in ("top1", "top5")]
        for task in ("rotation", "hue"):
            spots += [(readout, task, metric, "", None) for metric in ("accuracy", "neighbours_agree")]
    for readout in {"h", "hidden"} & set(readouts):
        spots += [(readout, s, metric, "", None) for s in TRANSFER[benchmark] for metric in ("top1", "top5")]
        for source in FEW[benchmark]:
            for metric in ("top1", "top1_interval"):
                spots += [(readout, source, metric, "shots", shots) for shots in (5, 10)]
        if benchmark == "imagenet-100":
            groups = [f"top1_{group}" for group in ("noise", "blur", "weather", "digital")]
            spots += [(readout, "imagenet-c", metric, "", None) for metric in ("top1", "top5", *groups)]
            spots += [(readout, "imagenet-c", "top1", "fog", level) for level in range(1, 6)]
            spots += [(readout, "objectnet", metric, "", None) for metric in ("top1", "top5")]
        else:
            spots += [(readout, "class", "top1_corrupted", "", None)]
            spots += [(readout, "class", "top1", kind, level) for kind in SMALL for level in (1, 2, 3)]
    if name == "constant":
        spots += [("pixels", "rotation", "leak_accuracy", "grid shift", shift) for shift in (0, 3, 8)]
    return spots


def make_looc(
    benchmark: str, value: Value = make_number, runs: Iterable[str] | None = None, seeds: int = 3
) -> Material:
    """Return what views of both papers are made of, of a data set `toy` that stands for a benchmark."""
    runs = RUNS[benchmark] if runs is None else list(runs)
    rows: list[Row] = []
    for name in runs:
        run = dict(zip(("method", "group", "variant"), parse_name(name), strict=True))
        origin = {"config_hash": "c", "data_hash": "d", "code_hash": "e", "device": "cpu", "n": 9, "split": "test"}
        for seed in range(seeds):
            head = {"dataset": "toy", **run, "seed": seed, "run": f"results/s/toy/{name}/seed{seed}", **origin}
            for spot in list_spots(name, benchmark):
                keys = dict(zip(("representation", "task", "metric", "condition", "level"), spot, strict=True))
                rows.append({**head, **keys, "value": value(name, seed, *spot)})
    frame: pd.DataFrame = make_rows(rows)
    frame = frame.astype({name: "category" for name, kind in KEY_COLUMNS.items() if kind == "str"})
    entry = describe_looc(benchmark, runs)
    return Material(frame, {"toy": entry}, {"toy": describe_measured(frame, "toy", entry["groups"], runs)}, {"toy": ""})


def describe_looc(benchmark: str, runs: Iterable[str] | None = None) -> dict[str, Any]:
    """Return what reporting gets to know of a data set."""
    across = benchmark if benchmark in (ROWS, RENDERED) else "images"
    groups = ["gender"] if benchmark == ROWS else ["rotation", "color"]
    views = {"tabular": "tabular", "rendered": "crossed"}.get(benchmark, "augmented")
    entry = {"source": "toy", "benchmarks": {"looc": benchmark, "across": across}, "groups": groups, "views": views}
    return {**entry, "methods": RUNS[benchmark] if runs is None else list(runs), "settings": {}}
