"""Random damage to what a training leaves behind, by seed: checkpoints, weights, run.json, rows and histories.

Each case flips, cuts, repeats or replaces bytes of one file of a small finished training, or forges an entry of it and
signs it anew; then the next stage reads it. It must name the file and refuse it, or come to the same results as if
nothing had happened.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.attack.case import REFUSED, RIGHT, Case, Seen, judge
from tests.attack.cases.training import load, read_histories, store
from tests.attack.trained import (
    CHECKPOINT,
    HISTORY,
    ROWS,
    WEIGHTS,
    copy_run,
    evaluate,
    good_data,
    good_run,
    settings_of,
    train,
)

Damage = Callable[[bytes, random.Random], bytes]


def _flip(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    first, second = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:second] + content[first:]


def _overwrite(content: bytes, draw: random.Random) -> bytes:
    place, size = draw.randrange(len(content)), draw.randrange(1, 64)
    return (content[:place] + draw.randbytes(size) + content[place + size :])[: len(content)]


DAMAGES: dict[str, Damage] = {"flip": _flip, "cut": _cut, "repeat": _repeat, "overwrite": _overwrite}
FILES = {"checkpoint": CHECKPOINT, "weights": WEIGHTS, "run.json": Path("run.json"), "rows": ROWS, "history": HISTORY}
VALUES = (None, -1, 0, 10**9, "x", [], {}, float("nan"), True)


def read(kind: str, own: Path) -> Seen:
    """Have the next stage read a damaged file, and say what is wrong with what it came to."""
    from tests.attack.case import attempt
    from workflow_scripts.rows import read_rows

    if kind == "rows":
        good = read_rows(own / "good.parquet")
        return attempt(lambda: "" if read_rows(own / ROWS).equals(good) else "other rows")
    if kind == "history":
        return read_histories("status", own.parents[3], own)
    if kind != "checkpoint":
        seen = evaluate(own, good_data())
        same = seen.code or read_rows(own / ROWS).equals(read_rows(own / "good.parquet"))
        return Seen(seen.code, seen.output, "" if same else "other rows")
    seen = train(own, settings_of(), good_data())
    same = seen.code or (own / WEIGHTS).read_bytes() == (good_run() / WEIGHTS).read_bytes()
    return Seen(seen.code, seen.output, "" if same else "other weights")


def prepare(folder: Path, kind: str) -> Path:
    """Return a copy of the finished training in a folder of results, ready for its next stage."""
    own = folder / "paper/toy/simclr/seed0"
    own.parent.mkdir(parents=True)
    copy_run(own.parent)
    if kind in ("rows", "weights", "run.json"):
        assert evaluate(own, good_data()).code == 0
        (own / "good.parquet").write_bytes((own / ROWS).read_bytes())
    if kind == "checkpoint":
        (own / WEIGHTS).unlink()
    return own


def spoil(kind: str, damage: Damage, seed: str) -> Callable[[Path], Seen]:
    """Damage the bytes of a file."""

    def act(folder: Path) -> Seen:
        own = prepare(folder, kind)
        path = own / FILES[kind]
        path.write_bytes(damage(path.read_bytes(), random.Random(seed)))
        return decide(kind, path, read(kind, own))

    return act


def forge(kind: str, seed: str) -> Callable[[Path], Seen]:
    """Put another value in the place of an entry, and sign what comes of it as the project does."""

    def act(folder: Path) -> Seen:
        from workflow_scripts.support.files import read_json, write_json

        own, draw = prepare(folder, kind), random.Random(seed)
        path = own / FILES[kind]
        content = load(path) if kind == "checkpoint" else read_json(path)
        inner = content
        while isinstance(inner, dict) and inner:
            key = draw.choice(sorted(inner, key=str))
            if not isinstance(inner[key], dict) or draw.random() < 0.3:
                inner[key] = draw.choice(VALUES)
                break
            inner = inner[key]
        store(path, content) if kind == "checkpoint" else write_json(path, content)
        seen = read(kind, own)
        # An optimiser's own entries may be others: what is signed and fits is believed.
        return Seen(seen.code, seen.output) if kind == "checkpoint" and seen.code == 0 else decide(kind, path, seen)

    return act


def decide(kind: str, path: Path, seen: Seen) -> Seen:
    """Say what is wrong where a damaged file was refused without its name. A refusal is as right as the same result."""
    refused = judge(Case("", lambda _: seen, REFUSED), seen) == REFUSED
    named = str(path) in seen.output or str(path.parents[1 if kind != "run.json" else 0]) in seen.output
    if refused and named:
        return Seen(0, seen.output)
    return Seen(seen.code, seen.output, seen.problem or ("the file is not named" if refused else ""))


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield random attacks, the same for one seed."""
    draw = random.Random(f"checkpoints {seed}")
    for number in range(count):
        kind = draw.choice(sorted(FILES))
        own = f"{seed} {number}"
        if kind in ("checkpoint", "run.json") and draw.random() < 0.4:
            yield Case(f"{kind}: forge {own}", forge(kind, own), RIGHT, quick=True)
        else:
            name = draw.choice(sorted(DAMAGES))
            yield Case(f"{kind}: {name} {own}", spoil(kind, DAMAGES[name], own), RIGHT, quick=True)
