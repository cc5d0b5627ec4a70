"""Packed data that others own, and a description that does not describe them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attack.case import RIGHT, Case, Seen, attempt
from tests.attack.trees import as_command, copy_packed, run_unprivileged

VERIFY = as_command(
    "from workflow_scripts.data import packed\n"
    "packed.LARGE = 100  # bytes: all arrays count as large\n"
    "packed.PackedDataset('packed').verify()\n"
    "print('accepted')"
)


def read_of_others(folder: Path, damaged: bool = False) -> Seen:
    """Large packed data in a folder where nothing can be written."""
    packed = copy_packed(folder)
    if damaged:
        content = bytearray((packed / "inputs.npy").read_bytes())
        content[-1] ^= 1
        (packed / "inputs.npy").write_bytes(content)
    packed.chmod(0o555)
    seen = run_unprivileged(VERIFY, folder)
    packed.chmod(0o755)
    accepted = "accepted" in seen.output and len(seen.output.splitlines()) == 2
    return seen if damaged or accepted else Seen(seen.code, seen.output, "it was not accepted with one remark")


def forge_stamp(content: str) -> Callable[[Path], Seen]:
    """Return an attack with a list of what was verified that is none: all is verified again."""

    def act(folder: Path) -> Seen:
        packed = copy_packed(folder)
        (packed / "verified.json").write_text(content)

        def check() -> None:
            from workflow_scripts.data.packed import PackedDataset

            PackedDataset(packed).verify()

        return attempt(check)

    return act


def forge(key: str, value: Any) -> Callable[[Path], Seen]:
    """Return an attack with another value in meta.json, whose digest fits."""

    def act(folder: Path) -> Seen:
        from workflow_scripts.support.files import read_json, write_json

        packed = copy_packed(folder)
        write_json(packed / "meta.json", {**read_json(packed / "meta.json"), key: value})

        def check() -> None:
            from workflow_scripts.data.packed import PackedDataset

            PackedDataset(packed).verify()

        return attempt(check)

    return act


WRONG: list[tuple[str, Any]] = [
    *(("views", value) for value in (0, -1, "1", 1.5, None, True, 10**30)),
    *(("resolution", value) for value in (None, 0, "8", 8.0, [8], 10**30)),
    *(("objects", value) for value in ({}, [], {"train": "3", "test": 1}, {"train": -1, "test": 5}, {"train": 4})),
    *(("classes", value) for value in (5, "cup", [1], None, [])),
    *(("latents", value) for value in (7, None, [], [1])),
    *(("columns", value) for value in (5, [1], None, "abc")),
    *(("mean", value) for value in ([0.5], "half", [None] * 3, [float("nan")] * 3, {"r": 1})),
    *(("std", value) for value in ([0.0, 1.0, 1.0], [-1.0] * 3, [float("inf")] * 3, [0.1] * 4)),
    *(("sha256", value) for value in ({}, [], None, {"inputs.npy": 1})),
]
ADVICE = "; delete the folder .*packed and pack the data set again$"
CASES = [
    Case("large packed data of another user", read_of_others, RIGHT),
    Case("large packed data of another user, damaged", lambda folder: read_of_others(folder, True), says=ADVICE),
    *(
        Case(f"verified.json that is {name}", forge_stamp(content), RIGHT, quick=True)
        for name, content in (("damaged", '{"inputs.npy": [1'), ("a list", "[1]"), ("forged", '{"digest": "0"}'))
    ),
    *(Case(f"meta.json with {key} {value!r}"[:70], forge(key, value), says=ADVICE, quick=True) for key, value in WRONG),
]
