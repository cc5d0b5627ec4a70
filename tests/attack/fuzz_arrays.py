"""Random harm to arrays: of packed data and their description, and of the .npy files that raw data hold.

What is damaged must be refused in one sentence. Where a change makes another valid value, which nothing can tell from
the right one, what is packed must still be whole: finite, within the classes, and told by its digests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.attack.case import REFUSED, RIGHT, Case, Seen, attempt
from tests.attack.trees import copy_packed, make_tree, pack_tree

ARRAYS = ("inputs", "latents", "labels", "splits", "objects")
RAW = ("train_images.npy", "train_labels.npy", "val_images.npy", "val_labels.npy", "cup/0001/latent_0.npy")
ODD: tuple[Any, ...] = (None, -1, 0, 1.5, 10**20, "x", "", [], {}, [None], True, float("nan"), [[1]], {"train": 1})
TYPES = ("<f8", "<i4", "<u2", "<c8", "|b1", "<U3", "|S4", "<M8[s]", "|O", "|V3")
Harm = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, content: bytes) -> bytes:
    """Flip one bit."""
    harmed = bytearray(content)
    harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
    return bytes(harmed)


def flip_header(chance: random.Random, content: bytes) -> bytes:
    """Flip one bit of the first 128 bytes, where .npy has its header."""
    return flip(chance, content[:128]) + content[128:]


def cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def extend(chance: random.Random, content: bytes) -> bytes:
    return content + chance.randbytes(chance.randint(1, 300))


def scramble(chance: random.Random, content: bytes) -> bytes:
    """Replace a piece by random bytes."""
    start = chance.randrange(len(content))
    piece = chance.randbytes(min(chance.randint(1, 60), len(content) - start))
    return content[:start] + piece + content[start + len(piece) :]


def forge(chance: random.Random, content: bytes) -> bytes:
    """Write another shape or type into the header, of the same length."""
    start, end = content.index(b"{"), content.index(b"\n")
    kind, shape = chance.choice(TYPES), chance.choice([(4,), (10**9, 10**9), (-1,), (), (2, 2), (0,), (2**62,)])
    order = chance.choice([True, False])
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return content[:start] + header.ljust(end - start)[: end - start] + content[end:]


HARMS: tuple[Harm, ...] = (flip, flip_header, cut, extend, scramble, forge)


def harm_packed(seed: int) -> Callable[[Path], Seen]:
    """Return an attack on one array of packed data. No change of a single bit passes."""

    def act(folder: Path) -> Seen:
        chance = random.Random(seed)
        packed = copy_packed(folder)
        path = packed / f"{chance.choice(ARRAYS)}.npy"
        before = path.read_bytes()
        while (content := chance.choice(HARMS)(chance, before)) == before:
            pass
        path.write_bytes(content)
        return attempt(lambda: verify(packed))

    return act


def harm_meta(seed: int) -> Callable[[Path], Seen]:
    """Return an attack on the description: a value that is odd, or a key that is gone; it has no digest to show it.

    Refused, or the arrays are as they were: a text, for example, may be any.
    """

    def act(folder: Path) -> Seen:
        chance = random.Random(seed)
        packed = copy_packed(folder)
        path = packed / "meta.json"
        meta = json.loads(path.read_text())
        del meta["digest"]
        key = chance.choice(sorted(meta))
        if chance.random() < 0.2:
            del meta[key]
        else:
            meta[key] = chance.choice(ODD)
        path.write_text(json.dumps(meta))
        return _either(attempt(lambda: verify(packed)))

    return act


def harm_raw(seed: int) -> Callable[[Path], Seen]:
    """Return an attack on an array of the raw tree: refused, or what is packed is whole."""

    def act(folder: Path) -> Seen:
        chance = random.Random(seed)
        make_tree(folder)
        path = folder / "raw" / chance.choice(RAW)
        path.write_bytes(chance.choice(HARMS)(chance, path.read_bytes()))
        return _either(attempt(lambda: verify(pack_tree(folder))))

    return act


def verify(packed: Path) -> str:
    """Return what is wrong with packed data that were opened and verified."""
    from workflow_scripts.data.packed import PackedDataset

    data = PackedDataset(packed)
    data.verify()
    for split in ("train", "val", "test"):
        data.indices(split, 0.5, 0)
    whole = (
        np.isfinite(data.latents).all() and (data.labels >= 0).all() and (data.labels < len(data.meta["classes"])).all()
    )
    return "" if whole else "what is packed is not whole"


def _either(seen: Seen) -> Seen:
    """Return a refusal in one sentence as what is right, too."""
    refused = seen.code == 1 and seen.output.startswith("error: ") and "\n" not in seen.output
    return Seen(0, seen.output) if refused else seen


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield so many attacks, always the same ones of a seed."""
    kinds = (("packed array", harm_packed, REFUSED), ("meta.json", harm_meta, RIGHT), ("raw array", harm_raw, RIGHT))
    for number in range(count):
        name, make, expected = kinds[number % len(kinds)]
        own = seed * 1_000_003 + number
        yield Case(f"{name} harmed at random, {seed}.{number}", make(own), expected, quick=True)
