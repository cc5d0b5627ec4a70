"""Attacks on evaluations: data in which something does not vary, embeddings that are not finite, damaged rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.attack.case import REFUSED, RIGHT, Case, Seen, attempt
from tests.attack.trained import (
    ROWS,
    SUMMARY,
    WEIGHTS,
    copy_run,
    evaluate,
    follow,
    good_data,
    load_config,
    pack_objects,
    settings_of,
    train,
)


def fix(entries: list[int], value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return a change of latents (7,), three angles, hue of the floor, two angles and hue of the light."""

    def change(latents: np.ndarray) -> np.ndarray:
        changed = latents.copy()
        changed[entries] = value
        return changed

    return change


def measure(
    method: str, gone: str, kept: str, latents: Callable[[np.ndarray], np.ndarray] | None = None, classes: int = 2
) -> Callable[[Path], Seen]:
    """Train and evaluate on data in which something does not vary, by all evaluators of the smallest experiment.

    gone, kept: regular names of tasks that must have no R2, and of one that must have rows.
    """

    def act(folder: Path) -> Seen:
        data = pack_objects(folder, latents=latents, classes=classes)
        own = folder / "seed0"
        trained = train(own, settings_of(method, batch=16), data)
        if trained.code:
            return trained
        seen = evaluate(own, data, evaluators=load_config()["evaluation"]["evaluators"])
        return Seen(seen.code, seen.output, "" if seen.code else look(own, gone, kept))

    return act


def look(own: Path, gone: str, kept: str) -> str:
    """Say what is wrong with the rows and the summary of an evaluation."""
    from workflow_scripts.rows import read_rows

    rows = read_rows(own / ROWS)
    tasks = set(rows[rows["metric"].str.startswith("r2")]["task"]) | set(rows[rows["task"] == "class"]["task"])
    reasons = json.loads((own / SUMMARY).read_text())["skipped"]
    said = [reason for reason in reasons.values() if gone and gone in reason and "one value only" in reason]
    if gone and (gone in tasks or not said):
        return f"{gone} is among {sorted(tasks)}, or its absence is not said: {reasons}"
    return "" if kept in tasks else f"{kept} is not among {sorted(tasks)}"


def overflow(folder: Path) -> Seen:
    """Evaluate weights so large that what they make of images is not finite; older code published such."""
    from tests.attack.cases.weights import forge
    from workflow_scripts.training.run import hash_tensors

    def enlarge(tensors: dict[str, Any], identity: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            if name.startswith("encoder") and name.endswith("weight"):
                tensor.fill_(1e30)
        identity["tensors"] = hash_tensors(tensors)

    own = copy_run(folder)
    forge(own / WEIGHTS, enlarge)
    seen = evaluate(own, good_data())
    wrong = "rows were written" if (own / ROWS).exists() else follow(seen.sentence, folder, "seed0")
    if not wrong and train(own, settings_of(), good_data()).code + (evaluate(own, good_data()).code or 0):
        wrong = "the advice does not help"
    return Seen(seen.code, seen.output, wrong)


def spoil_rows(change: Callable[[bytes, Path], bytes | None]) -> Callable[[Path], Seen]:
    """Read rows of a finished evaluation after a change of their file."""

    def act(folder: Path) -> Seen:
        from workflow_scripts.rows import read_rows

        own = copy_run(folder)
        evaluate(own, good_data())
        if (content := change((own / ROWS).read_bytes(), own / ROWS)) is not None:
            (own / ROWS).write_bytes(content)
        seen = attempt(lambda: "" if len(read_rows(own / ROWS)) else "there are no rows")
        return Seen(seen.code, seen.output, "" if str(own / ROWS) in seen.output else "the file is not named")

    return act


def _drop_digest(_: bytes, path: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(path)
    frame["value"] *= 2
    frame.to_parquet(path)


def flip_rows(folder: Path) -> Seen:
    """Flip bits all over a file of rows: each reading gives the same rows, or names the file."""
    from workflow_scripts.rows import read_rows
    from workflow_scripts.support.errors import UserError

    own = copy_run(folder)
    evaluate(own, good_data())
    good, rows = (own / ROWS).read_bytes(), read_rows(own / ROWS)

    def check() -> str:
        for place in range(0, len(good), len(good) // 50):
            (own / ROWS).write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
            try:
                if not read_rows(own / ROWS).equals(rows):
                    return f"other rows after a flip at {place}"
            except UserError as error:
                if str(own / ROWS) not in str(error):
                    return f"a flip at {place} is told without the file: {error}"
        return ""

    return attempt(check)


def count_nan(folder: Path) -> Seen:
    """Have an evaluator find a number that is not finite: the others go on, and it is said."""
    from unittest import mock

    from workflow_scripts.evaluation import probing

    own = copy_run(folder)
    with mock.patch.dict(probing.CLASSES, top1=lambda truth, predicted: math.nan):
        own_evaluators = {
            name: load_config()["evaluation"]["evaluators"][name] for name in ("classes", "relative_latents")
        }
        seen = evaluate(own, good_data(), evaluators=own_evaluators)
    reasons = json.loads((own / SUMMARY).read_text())["skipped"] if seen.code == 0 else {}
    right = "top1 of class on the test split came to nan" in reasons.get("classes", "")
    return Seen(seen.code, seen.output, "" if right else f"not said: {reasons}")


ROTATION, COLOR = [0, 1, 2], [3, 6]
CASES = [
    Case("a constant color", measure("contextssl", "color", "rotation", fix(COLOR, 0.3)), RIGHT),
    Case(
        "a constant color, of a method without a context",
        measure("simclr", "color", "rotation", fix(COLOR, 0.3)),
        RIGHT,
    ),
    Case("one component of color is constant", measure("simclr", "", "color", fix([6], 0.3)), RIGHT),
    Case("a constant rotation", measure("simclr", "rotation", "color", fix(ROTATION, 0.2)), RIGHT),
    Case("one class only", measure("simclr", "", "class", classes=1), RIGHT),
    Case("one class only, learnt with labels", measure("supervised", "", "class", classes=1), RIGHT),
    Case("weights whose outputs overflow", overflow, REFUSED, "not finite.*diverged; move or delete", quick=True),
    Case("a number that is not finite", count_nan, RIGHT, quick=True),
    Case("flipped bits in rows", flip_rows, RIGHT, quick=True),
    *(
        Case(f"rows {name}", spoil_rows(change), REFUSED, "delete it and run again", quick=True)
        for name, change in {
            "that are cut": lambda content, _: content[: len(content) // 2],
            "that are empty": lambda content, _: b"",
            "that are text": lambda content, _: b"value\n3\n",
            "doubled, without their digest": _drop_digest,
        }.items()
    ),
]
