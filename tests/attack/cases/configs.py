"""Settings that are misspelt, or make no sense: planning refuses each in one sentence that names the place."""

from __future__ import annotations

import copy
import math
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.attack.case import REFUSED, RIGHT, Case, Seen, attempt

LAPTOP, IMAGES, VIEWS = "contextssl/small", "essl/small", "looc/small"  # experiments that are attacked
Place = tuple[str, ...]
Change = tuple[Place, Any]
BLIND, ADULT, EMBEDDED, TINY = (
    ("variants", "blind"),
    ("dataset_settings", "adult"),
    ("dataset_settings", "embedded"),
    ("dataset_settings", "tiny16"),
)
TABLES = "contextssl/mimic3"  # whose data set has methods of its own
PAIRS, CIFAR = "contextssl/cifar10-small", ("dataset_settings", "cifar10-small-crop-blur")
MOCO, CONTEXT = ("method_settings", "moco", "settings"), ("method_settings", "contextssl", "settings")
EVALUATORS, LAZY = ("evaluation", "evaluators"), ("variants", "lazy")
CROP = [{"kind": "resized_crop", "group": "crop"}]

# Experiment, where, what, the sentence. A map is merged into what stands there.
TABLE: list[tuple[str, Place, Any, str]] = [
    # names: of variants, data sets, methods, groups, readouts, benchmarks
    (LAPTOP, (*BLIND, "dataset", "views"), {"sensitive_hiden": True}, "did you mean 'sensitive_hidden'"),
    (LAPTOP, BLIND, {"actoins": "hidden"}, "unknown key 'actoins' at variants.blind"),
    (LAPTOP, BLIND, {"setings": {}}, "did you mean 'settings'"),
    (LAPTOP, BLIND, {"datset": {}}, "did you mean 'dataset'"),
    (LAPTOP, LAZY, {"settings": {"mask_probablity": 0.5}}, "did you mean 'mask_probability'"),
    (LAPTOP, LAZY, {"settings": {"mask_probability": 7.0}}, r"variants\.lazy\.settings\.mask_probability: 7"),
    (LAPTOP, LAZY, {"dataset": {"views": {"sensitive_hidden": 7}}}, "7 is not of type 'boolean'"),
    (LAPTOP, LAZY, {"dataset": {"views": {"groups": ["colour"]}}}, "'colour' is not one of"),
    (VIEWS, ("variants", "rotated_alike", "settings"), {"shared": ["rotatoin"]}, "did you mean 'rotation'"),
    (VIEWS, ("variants", "rotation", "dataset", "views"), {"distinct": ["rotatoin"]}, "did you mean 'rotation'"),
    (VIEWS, (*TINY, "views"), {"distinct": ["color"]}, r"views\.distinct names 'color', which is no group of separate"),
    (LAPTOP, (*ADULT, "method_settings"), {"contextsl": {}}, "did you mean 'contextssl'"),
    (LAPTOP, (*ADULT, "method_settings", "contextssl", "settings"), {"widht": 8}, "did you mean 'width'"),
    (LAPTOP, (*ADULT, "methods"), ["contextssl~blid"], "did you mean 'blind'"),
    (LAPTOP, (*ADULT, "views"), {"groups": ["gedner"]}, "views.groups names 'gedner'; did you mean 'gender'"),
    (TABLES, ("methods",), ["contextsslq", "simclr"], "methods names 'contextsslq', but .* did you mean 'contextssl'"),
    (LAPTOP, (*EMBEDDED, "benchmarks"), {"contextssl": "3dibeench"}, "did you mean '3diebench'"),
    (LAPTOP, (*EVALUATORS, "relative_latents", "probes"), {"rotatoin": {}}, "did you mean 'rotation'"),
    (LAPTOP, (*EVALUATORS, "individual_latents", "probes"), {"colr": {}}, "did you mean 'color'"),
    (LAPTOP, (*EVALUATORS, "probe_effect", "left_out"), {"rotation": ["newtork"]}, "did you mean 'network'"),
    (VIEWS, (*EVALUATORS, "transfer"), {"readouts": ["hiden"]}, "readouts names 'hiden'; did you mean 'hidden'"),
    (VIEWS, (*EVALUATORS, "image_neighbours"), {"readouts": ["z_colr"]}, "did you mean 'z_color'"),
    (IMAGES, (*EVALUATORS, "leak"), {"groups": ["rotatoin"]}, "did you mean 'rotation'"),
    (LAPTOP, ("training", "last_batch"), "kepe", "is not one of .*; did you mean 'keep'"),
    (LAPTOP, ("engine", "device"), "cdua", "did you mean 'cuda'"),
    (LAPTOP, EVALUATORS, {"retreival": {}}, "did you mean 'retrieval'"),
    (LAPTOP, ("evaluation",), {"splits": ["tets"]}, "did you mean 'test'"),
    # values out of range, of the wrong type, or no numbers
    (LAPTOP, CONTEXT, {"mask_probability": 7.0}, "mask_probability: 7.0 is greater than the maximum of 1"),
    (LAPTOP, CONTEXT, {"temperature": -1.0}, "temperature: -1.0 is less than or equal to the minimum of 0"),
    (LAPTOP, ("training", "lr"), math.nan, "training.lr is nan; give a finite number"),
    (LAPTOP, ("training", "lr"), math.inf, "training.lr is inf; give a finite number"),
    (LAPTOP, ("training", "steps"), 30.0, r"training.steps: 30.0 is not of type 'integer' \(write 30\)"),
    (LAPTOP, ("training", "steps"), "1e3", "'1e3' is not of type 'integer'"),
    (LAPTOP, ("training", "batch"), 1, "training.batch: 1 is less than the minimum of 2"),
    (LAPTOP, ("encoders", "small", "dim"), 0, "0 is less than the minimum"),
    (LAPTOP, ("encoders", "small", "channels"), [16, 0], "0 is less than the minimum"),
    (LAPTOP, ("encoders", "small", "channels"), [10**9], "is greater than the maximum of 65536"),
    (LAPTOP, ("seeds",), [0, 1, 0], "has non-unique elements"),
    (LAPTOP, ("methods",), ["simclr", "simclr"], "has non-unique elements"),
    (VIEWS, ("sources", "tiny16"), {"per_class": {"train": 0, "test": 1}}, "0 is less than the minimum of 1"),
    (LAPTOP, ("sources", "embedded", "resolution"), 1_000_000, "1000000 is greater than the maximum of 4096"),
    (LAPTOP, ("evaluation", "contexts"), {"lengths": [2, 2]}, "has non-unique elements"),
    (LAPTOP, ("evaluation", "contexts"), {"lengths": [10**9]}, "is greater than the maximum of 8192"),
    (LAPTOP, ("engine",), {"threads": 10**9}, "is greater than the maximum of 1000"),
    (LAPTOP, (*EMBEDDED, "holdout"), {"share": 1.0}, "1.0 is greater than or equal to the maximum of 1"),
    (IMAGES, ("encoders", "plain"), {"dropout": 1.0}, "1.0 is greater than or equal to the maximum of 1"),
    # settings that do not go together
    (LAPTOP, CONTEXT, {"heads": 3}, r"settings.heads \(3\) does not divide settings.width"),
    (LAPTOP, ("training",), {"batch": 200}, r"block_tokens \(\d+\) / 2 does not divide training.batch \(200\)"),
    (LAPTOP, ("training",), {"steps": 40}, r"warmup_steps \(50\) is more than training.steps \(40\)"),
    (
        LAPTOP,
        ("training", "schedule"),
        {"kind": "steps", "milestones": [10, 9999]},
        r"milestones \(9999\) is not below training.steps",
    ),
    (VIEWS, MOCO, {"queue": 8}, r"settings.queue \(8\) is less than training.batch"),
    (LAPTOP, ("training",), {"batch": 4096}, "training.batch is 4096, but there are only 495 training objects"),
    (VIEWS, (*EVALUATORS, "linear", "probe"), {"epochs": 5}, r"milestones \(8\) is not below .*epochs \(5\)"),
    (LAPTOP, EMBEDDED, {"views": {"kind": "tabular"}, "methods": ["simclr"]}, "is tabular, but the data are images"),
    (LAPTOP, ADULT, {"views": {"kind": "plain"}, "encoder": "small"}, "a small, but the data are rows of a table"),
    (LAPTOP, (*ADULT, "views"), {"kind": "augmented"}, "views.kind is augmented, but the data are rows of a table"),
    (
        PAIRS,
        CIFAR,
        {"views": {"kind": "stored"}, "methods": ["simclr"]},
        "needs the rotation and color that images were",
    ),
    (LAPTOP, ("methods",), ["looc"], "can share none; choose augmented"),
    (LAPTOP, (*EMBEDDED, "views"), {"kind": "plain"}, "has no|there is on embedded no group|have no groups"),
    (
        LAPTOP,
        ("evaluation", "contexts"),
        {"draws": 2, "draw_lengths": [4]},
        "which evaluation.contexts.lengths has not",
    ),
    (VIEWS, (*TINY, "views"), {"augmentations": [*CROP, {"kind": "blur", "kernel_size": 99}]}, "reaches 49 pixels"),
    (VIEWS, (*TINY, "views"), {"augmentations": [*CROP, {"kind": "crop", "padding": 40}]}, "reaches 40 pixels"),
    (IMAGES, ("dataset_settings", "cifar10-16", "views", "groups"), {"crop": {"kind": "crop"}}, "no separate values"),
    (
        IMAGES,
        ("encoders", "plain"),
        {"readout": "spatial", "project": 102},
        "has 4 places, which share the features evenly",
    ),
    (IMAGES, ("sources", "cifar10-16"), {"resolution": 18}, "cannot be halved|places|multiple of"),
    (LAPTOP, ("evaluation", "evaluators"), None, "names none, so that nothing is measured|None is not of type"),
    (
        LAPTOP,
        ("sources", "adult"),
        {"resolution": 32},
        "adult is a table, but resolution is a setting of",
    ),
]


@cache
def _load(name: str) -> dict[str, Any]:
    from workflow_scripts.experiment.config import load_experiment

    return load_experiment(name)


def _put(config: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Return a config with a value at a place; a map is merged into the one that stands there."""
    config = copy.deepcopy(config)
    at = config
    for key in place[:-1]:
        at = at.setdefault(key, {})
    below = at.get(place[-1])
    merges = isinstance(value, dict) and isinstance(below, dict) and value.get("kind", 0) in (0, below.get("kind"))
    at[place[-1]] = {**below, **value} if merges else value
    return config


def _complete(name: str, changes: list[Change], _: Path) -> Seen:
    """Complete an experiment's config with changes, one after the other."""
    from workflow_scripts.experiment.config import complete_config

    def check() -> None:
        config = _load(name)
        for place, value in changes:
            config = _put(config, place, value)
        complete_config(config)

    return attempt(check)


def _give(name: str, given: dict[str, Any], _: Path) -> Seen:
    """Load an experiment with what is given on the command line."""
    from workflow_scripts.experiment.config import load_experiment

    return attempt(lambda: load_experiment(name, given) and "")


EMPTY = [(("evaluation",), {"splits": ["val"]}), ((*EMBEDDED, "holdout"), {"share": 0.001})]
BLIDN = {"variants": {"blidn": {"settings": {}}}}

# What a refusal advises, done: experiment, what is wrong, and what mends it.
ADVICE: list[tuple[str, Change, Change]] = [
    (LAPTOP, (("training",), {"steps": 40}), (("training", "schedule"), {"warmup_steps": 4})),
    (LAPTOP, (("training",), {"batch": 200}), (("training",), {"batch": 192})),
    (LAPTOP, (CONTEXT, {"heads": 3}), (CONTEXT, {"heads": 2})),
    (VIEWS, ((*EVALUATORS, "linear", "probe"), {"epochs": 5}), ((*EVALUATORS, "linear", "probe"), {"milestones": [3]})),
    (LAPTOP, (("seeds",), [0, 0]), (("seeds",), [0, 1])),
]


def _make_cases() -> list[Case]:
    cases = [
        Case(
            f"{name} {'.'.join(at)}: {str(value)[:120]}",
            partial(_complete, name, [(at, value)]),
            REFUSED,
            says,
            True,
        )
        for name, at, value, says in TABLE
    ]
    cases += [
        Case(f"advice followed: {wrong[1]} {mended[1]}", partial(_complete, name, [wrong, mended]), RIGHT, quick=True)
        for name, wrong, mended in ADVICE
    ]
    gone = r"holdout.share is 0.001, so that there are no objects in it"
    cases.append(Case("a split without objects", partial(_complete, LAPTOP, EMPTY), REFUSED, gone, True))
    stray = r"variants\.blidn is new, no run has it.*did you mean 'blind'"
    cases.append(Case("a misspelt variant is given", partial(_give, LAPTOP, BLIDN), REFUSED, stray, True))
    return cases


CASES = _make_cases()
