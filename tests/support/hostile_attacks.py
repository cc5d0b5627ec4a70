"""Attacks on the runner of attacks itself, and on two stages of the workflow at toy size."""

from __future__ import annotations

import errno
import importlib
import json
import os
import random
import subprocess
import time
from functools import partial
from pathlib import Path

from tests.attack.case import Case, Seen
from tests.attack.hooked import Strike
from tests.attack.operations import Step, make_reference, name_kind, strike_once
from tests.attack.trial import Attack, Trial, make_attack


def hang(folder: Path) -> list[Trial]:
    """Do not end."""
    time.sleep(60)
    return []


def eat(folder: Path) -> list[Trial]:
    """Take a GiB of memory."""
    filled = bytearray(os.urandom(1 << 20)) * 1024
    time.sleep(60)
    return [Trial("eat", True, str(len(filled)))]


def leave(folder: Path) -> list[Trial]:
    """Leave a process behind, in a session of its own."""
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    return [Trial("leave", True, "")]


def die(folder: Path) -> list[Trial]:
    """End the whole process."""
    os._exit(3)


def fail(folder: Path) -> list[Trial]:
    """Have a defect of its own."""
    raise ValueError("a defect of the case")


def hostile_attacks() -> list[Attack]:
    """Return attacks that a runner must survive, and one good one behind them."""
    acts = [hang, eat, leave, die, fail]
    good = make_attack(Case("good", lambda _: Seen(1, "error: no; do so"), says="do so"), "good")
    return [*(Attack(act.__name__, act, limit=2 if act is hang else 60) for act in acts), good]


def slow_attacks() -> list[Attack]:
    """Return three attacks, of a second each."""

    def act(folder: Path) -> list[Trial]:
        time.sleep(1)
        return [Trial("slow", True, "")]

    return [Attack("slow", act)] * 3


def toy_operations(folder: Path, seed: int, count: int) -> list[Attack]:
    """Return kills and errors at `count` operations each of a packing and of a training of three steps."""
    from tests.attack.trained import OPTIONS, good_data, settings_of
    from tests.support.raw_trees import make_3diebench, write_manifest

    importlib.import_module("workflow_scripts.training.run")  # once, not in each fork
    raw = folder / "raw"
    raw.mkdir(parents=True)
    objects = [(f"/{'ab'[number % 2]}/{number:04d}/", number % 2) for number in range(8)]
    write_manifest(raw / "raw.json", make_3diebench(raw / "raw", objects[:6], objects[6:], side=8))
    packing = ["--manifest", "raw.json", "--output", "packed", "--layout", "threediebench", "--resolution", "8"]
    training = ["--data", str(good_data()), "--run", "run", "--log-every", "1", *OPTIONS]
    training += ["--settings", json.dumps(settings_of())]
    chance, attacks = random.Random(seed), []
    for name, made, code, words in (
        ("pack", "packed", errno.ENOSPC, [*packing, "--workers", "1"]),
        (
            "pretrain",
            "run",
            errno.EIO,
            [*training, "--checkpoint-seconds", "0"],
        ),
    ):
        step = Step(name, (Path(made),))
        reference = make_reference(raw, folder, step, [f"workflow_scripts.{name}", *words])
        numbers = chance.sample(range(1, reference.operations + 1), count)
        for strike in [Strike(numbers[0], code), *map(Strike, numbers)]:
            act = partial(strike_once, raw, step=step, strike=strike, reference=reference)
            attacks.append(Attack(name_kind(step, strike), act, name=str(strike.number)))
    return attacks
