"""Attacks on weights and on what describes a run: copied, forged, without their digest, not finite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attack import trained
from tests.attack.case import REFUSED, RIGHT, Case, Seen
from tests.attack.trained import ROWS, WEIGHTS, copy_run, evaluate, follow, good_data, good_run, settings_of, train


def forge(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Rewrite weights after a change of their tensors and of their identity, in place."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(path, framework="pt") as file:
        identity = json.loads(file.metadata()["identity"])
    tensors = load_file(path)
    change(tensors, identity)
    save_file(tensors, path, metadata={"identity": json.dumps(identity)})


def spoil(name: str) -> Callable[[Path], Seen]:
    """Change the weights of a finished run, and evaluate it."""

    def act(folder: Path) -> Seen:
        run = copy_run(folder)
        forge(run / WEIGHTS, FORGERIES[name][0])
        return evaluate(run, good_data())

    return act


def _double(tensors: dict[str, Any], identity: dict[str, Any], drop: bool) -> None:
    for tensor in tensors.values():
        tensor.mul_(2)
    if drop:
        identity.pop("tensors")


def _of_nan(tensors: dict[str, Any], identity: dict[str, Any]) -> None:
    from workflow_scripts.training.run import hash_tensors

    next(tensor for tensor in tensors.values() if tensor.is_floating_point()).fill_(float("nan"))
    identity["tensors"] = hash_tensors(tensors)


FORGERIES: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], None], str]] = {
    "weights are doubled": (lambda t, i: _double(t, i, False), r"differ from their digest.*delete it"),
    "weights are doubled and their digest is removed": (lambda t, i: _double(t, i, True), r"no digest.*delete it"),
    "the data hash of weights is removed": (lambda t, i: i.pop("data"), r"other data"),
    "the run hash of weights is removed": (lambda t, i: i.pop("hash"), r"another run|other weights"),
    "the configuration of weights is removed": (lambda t, i: i.pop("config"), r"another configuration"),
    "the identity of weights is empty": (lambda t, i: i.clear(), r"no digest"),
    "a tensor is left out, with its digest": (lambda t, i: _leave_out(t, i), r"does not fit"),
    "weights of NaN, with their digest": (_of_nan, r"not finite.*delete"),
}


def _leave_out(tensors: dict[str, Any], identity: dict[str, Any]) -> None:
    from workflow_scripts.training.run import hash_tensors

    del tensors[sorted(tensors)[0]]
    identity["tensors"] = hash_tensors(tensors)


def copy_from_other_data(folder: Path) -> Seen:
    """Evaluate a run whose weights come from one of the same settings on other data."""
    data = trained.pack_objects(folder / "other", 44)
    assert train(folder / "other-run", settings_of(), data).code == 0
    run = copy_run(folder)
    shutil.copy(folder / "other-run" / WEIGHTS, run / WEIGHTS)
    return evaluate(run, good_data())


def copy_from_other_settings(folder: Path) -> Seen:
    """Evaluate a run whose weights come from one with another rate."""
    assert train(folder / "other-run", settings_of(lr=0.5), good_data()).code == 0
    run = copy_run(folder)
    shutil.copy(folder / "other-run" / WEIGHTS, run / WEIGHTS)
    return evaluate(run, good_data())


def copy_from_other_start(folder: Path) -> Seen:
    """Evaluate a run whose weights come from one of the same settings that started from other weights."""
    settings, start = settings_of(warm_start="simclr"), good_run() / WEIGHTS
    begun = folder / "seed1"
    assert train(folder / "start", settings_of(steps=1), good_data()).code == 0
    assert train(begun, settings, good_data(), "--start", start).code == 0
    assert train(folder / "other", settings, good_data(), "--start", folder / "start" / WEIGHTS).code == 0
    shutil.copy(folder / "other" / WEIGHTS, begun / WEIGHTS)
    return evaluate(begun, good_data())


def start_from(change: Callable[[Path], None]) -> Callable[[Path], Seen]:
    """Train a run that starts from a finished one, after a change of that one's folder."""

    def act(folder: Path) -> Seen:
        start = copy_run(folder)
        change(start)
        return train(folder / "begun", settings_of(warm_start="simclr"), good_data(), "--start", start / WEIGHTS)

    return act


def _replace_weights(start: Path) -> None:
    other = start.parent / "other"
    assert train(other, settings_of(lr=0.5), good_data()).code == 0
    shutil.copy(other / WEIGHTS, start / WEIGHTS)


def _replace_run(start: Path) -> None:
    data = trained.pack_objects(start.parent / "other", 44)
    shutil.rmtree(start)
    assert train(start, settings_of(), data).code == 0


def _forge_start(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Callable[[Path], None]:
    return lambda start: forge(start / WEIGHTS, change)


def describe(content: str) -> Callable[[Path], Seen]:
    """Evaluate a run whose run.json is other text, then train it as the sentence says."""

    def act(folder: Path) -> Seen:
        run = copy_run(folder)
        (run / "run.json").write_text(content)
        seen = evaluate(run, good_data())
        return seen if seen.code else Seen(0, seen.output, "accepted")

    return act


def follow_advice_on_weights(folder: Path) -> Seen:
    """Delete damaged weights as the sentence says; train and evaluate again."""
    run = copy_run(folder)
    good = (run / WEIGHTS).read_bytes()
    forge(run / WEIGHTS, FORGERIES["weights of NaN, with their digest"][0])
    said = evaluate(run, good_data()).sentence
    if wrong := follow(said, run, WEIGHTS):
        return Seen(0, said, wrong)
    train(run, settings_of(), good_data())
    seen = evaluate(run, good_data())
    same = (run / WEIGHTS).read_bytes() == good and (run / ROWS).exists()
    return Seen(seen.code, seen.output, "" if same else "the weights are others than before")


IDENTITY = {"config": "c", "data": "d", "hash": "h", "code": "c", "torch": "t"}
DESCRIPTIONS = {
    "empty": "",
    "a list": "[]",
    "a number": "3",
    "without an identity": '{"settings": {}}',
    "without settings": json.dumps({"identity": IDENTITY}),
    "with half an identity": '{"settings": {}, "identity": {"config": "c"}}',
    "with an identity of numbers": json.dumps({"settings": {}, "identity": dict.fromkeys(IDENTITY, 1)}),
    "nested 100,000 times": "[" * 100_000,
    "with settings that its identity is not of": json.dumps({"settings": {}, "identity": IDENTITY}),
}

CASES = [
    *(Case(name, spoil(name), REFUSED, says, quick=True) for name, (_, says) in FORGERIES.items()),
    Case("weights of the same settings on other data", copy_from_other_data, REFUSED, "other data", quick=True),
    Case("weights of other settings", copy_from_other_settings, REFUSED, "another configuration", quick=True),
    Case("weights of another warm start", copy_from_other_start, REFUSED, "other weights", quick=True),
    Case("a warm start from a copied file", start_from(_replace_weights), REFUSED, "another configuration", quick=True),
    Case("a warm start from other data", start_from(_replace_run), REFUSED, "other data", quick=True),
    Case(
        "a warm start without a digest",
        start_from(_forge_start(FORGERIES["weights are doubled and their digest is removed"][0])),
        REFUSED,
        "no digest",
        quick=True,
    ),
    Case("a warm start of NaN", start_from(_forge_start(_of_nan)), REFUSED, "not finite", quick=True),
    *(Case(f"run.json {name}", describe(text), REFUSED, "run.json", quick=True) for name, text in DESCRIPTIONS.items()),
    Case("weights that are deleted as advised", follow_advice_on_weights, RIGHT, quick=True),
]
