"""Damage: a file of each stage is cut short, or has one bit flipped, behind the workflow's back.

The time of modification is put back, so that Snakemake has no reason to make the file again, and what was made of it
is deleted, so that it is read. It must be named and refused, or made again; never used in silence.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.attack.case import OTHER, SILENT
from tests.attack.tiny import (
    LIMIT_SECONDS,
    METRICS,
    RUN,
    SPACE,
    TABLE,
    copy_finished,
    read_results,
    run,
    what_was_said,
)
from tests.attack.trial import Attack, Trial

PACKED = SPACE / "data/smoke/packed"
MADE_OF_DATA = (RUN, SPACE / "smoke/constant")
MADE_OF_RUN = (RUN / "rows",)
MADE_OF_ROWS = (METRICS,)
MADE_OF_METRICS = (Path("reports"),)


@dataclass(frozen=True)
class Stage:
    """A file of the workflow, what is made of it, and what the message advises to delete."""

    name: str
    file: Path
    downstream: tuple[Path, ...]
    advice: Path


STAGES = (
    Stage("packed images", PACKED / "inputs.npy", MADE_OF_DATA, PACKED),
    Stage("packed latents", PACKED / "latents.npy", MADE_OF_DATA, PACKED),
    Stage("description of packed data", PACKED / "meta.json", MADE_OF_DATA, PACKED / "meta.json"),
    # Weights alone may be deleted, once a run is evaluated: only its rows ask for them.
    Stage("checkpoint", RUN / "state" / "checkpoint.pt", (RUN / "weights.safetensors", RUN / "rows"), RUN / "state"),
    Stage("weights", RUN / "weights.safetensors", MADE_OF_RUN, RUN / "weights.safetensors"),
    Stage("identity of a run", RUN / "run.json", MADE_OF_RUN, RUN),
    Stage("rows of a run", RUN / "rows" / "evaluation.parquet", MADE_OF_ROWS, RUN / "rows"),
    Stage("summary of an evaluation", RUN / "rows" / "evaluation.json", MADE_OF_METRICS, RUN / "rows"),
    Stage("rows of all runs", METRICS / "smoke.parquet", MADE_OF_METRICS, METRICS),
)


def truncate(path: Path, chance: random.Random) -> None:
    """Cut a file at a random place."""
    os.truncate(path, chance.randrange(path.stat().st_size))


def flip(path: Path, chance: random.Random) -> None:
    """Flip one random bit of a file."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def delete(path: Path) -> None:
    """Delete a file or a folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def name_damage(stage: Stage, how: Callable[[Path, random.Random], None]) -> str:
    """Return the name of a damage in the table."""
    return f"{stage.name}: {'cut short' if how is truncate else 'a bit flipped'}"


def is_unharmed(folder: Path, stage: Stage, expected: dict[str, bytes], table: bytes) -> bool:
    """Whether all results are those of before, but for the bytes of a damaged file that nothing had to read."""
    found = {**read_results(folder), str(stage.file): expected.get(str(stage.file), b"")}
    return found == {str(stage.file): b"", **expected} and (folder / TABLE).read_bytes() == table


def damage(folder: Path, stage: Stage, how: Callable[[Path, random.Random], None], seed: int, table: bytes) -> Trial:
    """Damage one file of a finished workflow in `folder`, run it, follow the advice, run again, and compare."""
    kind, expected = name_damage(stage, how), read_results(folder)
    for path in stage.downstream:
        delete(folder / path)
    before = (folder / stage.file).stat()
    how(folder / stage.file, random.Random(seed))
    os.utime(folder / stage.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    code, output = run(folder)
    said = what_was_said(output)
    if code == 0:
        # Made again, or the damage changed nothing that is read: the results are those of before.
        same = is_unharmed(folder, stage, expected, table)
        seen = said or "made again, or harmless" if same else "other results, in silence"
        return Trial(kind, same, seen, defect=SILENT)
    if stage.file.name not in output:
        return Trial(kind, False, f"the message does not name the file: {said}", defect=OTHER)
    delete(folder / stage.advice)
    code, output = run(folder)
    same = read_results(folder) == expected and (folder / TABLE).read_bytes() == table
    return Trial(kind, code == 0 and same, said if same else f"after the advice: {what_was_said(output)}")


def damage_attacks(finished: Path, trials: int, seed: int) -> list[Attack]:
    """Return `trials` of each damage of each stage, each to be done in a copy of the finished workflow."""
    table = (finished / TABLE).read_bytes()

    def make(stage: Stage, how: Callable[[Path, random.Random], None], number: int) -> Attack:
        def act(folder: Path) -> list[Trial]:
            return [damage(copy_finished(finished, folder), stage, how, seed + number, table)]

        return Attack(name_damage(stage, how), act, name=f"seed {seed + number}", limit=2 * LIMIT_SECONDS)

    return [make(stage, how, number) for stage in STAGES for how in (truncate, flip) for number in range(trials)]
