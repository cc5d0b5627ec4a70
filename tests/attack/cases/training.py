"""Attacks on trainings: rates that diverge, checkpoints and histories that are forged, another number of threads."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attack.case import REFUSED, RIGHT, Case, Seen
from tests.attack.trained import (
    CHECKPOINT,
    HISTORY,
    WEIGHTS,
    copy_run,
    follow,
    good_data,
    good_run,
    run,
    settings_of,
    train,
)


class Code:
    """What must never be run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("executed",)


def diverge(steps: int, name: str = "simclr", **training: Any) -> Callable[[Path], Seen]:
    """Train at a rate that no training survives."""

    def act(folder: Path) -> Seen:
        seen = train(folder / "seed0", settings_of(name, steps=steps, clip_norm=None, **training), good_data())
        stored = [str(path) for path in (WEIGHTS, CHECKPOINT) if (folder / "seed0" / path).exists()]
        return Seen(seen.code, seen.output, f"stored: {stored}" if stored else "")

    return act


def follow_advice(folder: Path) -> Seen:
    """Do what a diverged training says: delete its folder, lower the rate, train again."""
    own = folder / "seed0"
    said = train(own, settings_of(lr=1e20, clip_norm=None), good_data()).sentence
    wrong = follow(said, folder, "seed0")
    seen = train(own, settings_of(), good_data())
    return Seen(seen.code, seen.output, wrong)


def unfinished(folder: Path) -> Path:
    """Return a copy of a training whose checkpoint is there and whose weights are not."""
    own = copy_run(folder)
    (own / WEIGHTS).unlink()
    return own


def load(path: Path) -> dict[str, Any]:
    """Return what a checkpoint of ours holds."""
    import torch

    found: dict[str, Any] = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
    return found


def store(path: Path, content: object) -> None:
    """Write a checkpoint with a valid digest. content: bytes as they are, others as torch saves them."""
    import torch

    buffer = io.BytesIO()
    if isinstance(content, bytes):
        buffer.write(content)
    else:
        torch.save(content, buffer)
    path.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())


def _rename_layer(state: dict[str, Any]) -> None:
    state["model"]["renamed"] = state["model"].pop(next(iter(state["model"])))


def _cut_layer(state: dict[str, Any]) -> None:
    name = next(name for name, value in state["model"].items() if value.ndim > 1)
    state["model"][name] = state["model"][name][:-1]


def _cut_moments(state: dict[str, Any]) -> None:
    first = next(iter(state["optimizer"]["state"].values()))
    name = next(name for name, value in first.items() if value.ndim)
    first[name] = first[name][..., :-1]


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "holds a pickle that makes a folder": (
        lambda state: state.update(code=Code()),
        r"holds code \(posix.mkdir\).*delete it",
    ),
    "is a list": (lambda state: [1], "is no checkpoint"),
    "is noise": (lambda state: b"noise" * 99, "is no file of torch.save"),
    "is empty": (lambda state: b"", "is no file of torch.save"),
    "lacks its step": (lambda state: state.pop("step") and None, "is no checkpoint"),
    "is of step -3": (lambda state: state.update(step=-3), "is of step -3"),
    "is of a step in words": (lambda state: state.update(step="3"), "is no checkpoint"),
    "has another name of a layer": (_rename_layer, "does not fit the method as it is now.*delete it"),
    "has a layer of another shape": (_cut_layer, "does not fit the method"),
    "has moments of another shape": (_cut_moments, "does not fit the method"),
    "lacks its optimiser": (lambda state: state.update(optimizer={}), "does not fit the method"),
}


def forge(name: str) -> Callable[[Path], Seen]:
    """Go on from a forged checkpoint; then delete it as the sentence says, and train to the same weights."""

    def act(folder: Path) -> Seen:
        own = unfinished(folder)
        state = load(own / CHECKPOINT)
        changed = FORGERIES[name][0](state)
        store(own / CHECKPOINT, state if changed is None else changed)
        before = os.getcwd()
        os.chdir(folder)
        try:
            seen = train(own, settings_of(), good_data())
        finally:
            os.chdir(before)
        wrong = "the code was run" if (folder / "executed").exists() else follow(seen.sentence, own, CHECKPOINT)
        if not wrong:
            train(own, settings_of(), good_data())
            wrong = "" if same_weights(own) else "the weights are others than those of an unbroken training"
        return Seen(seen.code, seen.output, wrong)

    return act


def same_weights(own: Path) -> bool:
    """Tell whether weights are those of the finished training, to the last byte."""
    return (own / WEIGHTS).read_bytes() == (good_run() / WEIGHTS).read_bytes()


def flip_checkpoint(folder: Path) -> Seen:
    """Go on from a checkpoint of which one bit is flipped."""
    own = unfinished(folder)
    content = bytearray((own / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 1
    (own / CHECKPOINT).write_bytes(content)
    seen = train(own, settings_of(), good_data())
    said = "checkpoint.pt is damaged; training starts again from step 0" in seen.output
    return Seen(seen.code, seen.output, "" if said and same_weights(own) else "other weights, or in silence")


def flip_history(reader: str) -> Callable[[Path], Seen]:
    """Flip each kind of bit in a history, and have a reader of histories read it."""

    def act(folder: Path) -> Seen:
        own = folder / "paper/toy/simclr/seed0"
        shutil.copytree(good_run(), own)
        good, output = (own / HISTORY).read_bytes(), ""
        places = (good.index(b'"loss": ') + 8, good.index(b'"step"') + 1, good.index(b"}"), good.index(b"\n"))
        for place in places:
            for bit in (0, 6, 7):
                (own / HISTORY).write_bytes(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
                seen = read_histories(reader, folder, own)
                if seen.code or f"{own / HISTORY} is damaged" not in seen.output:
                    return Seen(seen.code, seen.output, f"bit {bit} at {place}: not named, or not read")
                output = seen.output
        return Seen(0, output)

    return act


def read_histories(reader: str, results: Path, own: Path) -> Seen:
    """Have a reader of histories read those of a folder of results."""
    from workflow_scripts import status, tensorboard
    from workflow_scripts.experiment import histories

    histories._warn.cache_clear()
    if reader == "status":
        (own / WEIGHTS).unlink(missing_ok=True)
        return run(status, "--results", results)
    if reader == "tensorboard":
        return run(tensorboard, "--results", results, "--once")
    (own / WEIGHTS).unlink(missing_ok=True)
    return train(own, settings_of(), good_data())


def change_threads(folder: Path) -> Seen:
    """Go on with another number of threads than a training began with; it must end as if nothing had happened."""
    import torch

    own, whole, stopped = folder / "seed0", folder / "whole", settings_of(steps=12)
    before = torch.get_num_threads()
    try:
        assert train(whole, stopped, good_data(), "--threads", 2).code == 0
        begin(own, stopped)
        seen = train(own, stopped, good_data(), "--threads", 1)
    finally:
        torch.set_num_threads(before)
    same = (own / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    said = "goes on with the 2 threads that it began with, not 1" in seen.output
    recorded = json.loads((own / "run.json").read_text())["identity"].get("threads") == "2"
    wrong = "" if same and said and recorded else f"same: {same}, said: {said}, recorded: {recorded}"
    return Seen(seen.code, seen.output, wrong)


def begin(own: Path, settings: dict[str, Any]) -> None:
    """Train with two threads until the sixth step, which a signal ends."""
    import signal
    from unittest import mock

    from workflow_scripts.training.state import TrainingState

    log = TrainingState.log

    def stop(state: TrainingState, entry: dict[str, Any]) -> None:
        log(state, entry)
        if entry["step"] == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(TrainingState, "log", stop):
        assert train(own, settings, good_data(), "--threads", 2).code == 75


CONSTANT = {"kind": "steps", "milestones": [], "factor": 0.1, "warmup_steps": 0}

CASES = [
    *(
        Case(
            f"{steps} steps of {name} at a rate of 1e20", act, REFUSED, r"diverged; move or delete .*seed0", quick=True
        )
        for steps, name in ((1, "simclr"), (2, "simclr"), (1, "contextssl"), (1, "supervised"))
        for act in [diverge(steps, name, lr=1e20, schedule=CONSTANT, batch=16)]
    ),
    Case("a diverged training that is deleted as advised", follow_advice, RIGHT, quick=True),
    *(Case(f"a checkpoint {name}", forge(name), REFUSED, says, quick=True) for name, (_, says) in FORGERIES.items()),
    Case("a flipped bit in a checkpoint", flip_checkpoint, RIGHT, quick=True),
    Case("flipped bits in a history, and the training goes on", flip_history("pretrain"), RIGHT, quick=True),
    Case("flipped bits in a history, under make status", flip_history("status"), RIGHT, quick=True),
    Case("flipped bits in a history, under make tensorboard", flip_history("tensorboard"), RIGHT),
    Case("another number of threads after a stop", change_threads, RIGHT),
]
