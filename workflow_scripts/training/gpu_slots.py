"""Shares of this machine's GPUs: never more of one is held by jobs of ours than there is.

A GPU is ten slots of equal memory, one lock file each, by whichever name a job knows the GPU. A job says which share of
a GPU it needs and holds so many slots of one GPU until its process ends; the kernel frees those of one that crashes.
Jobs queue at a door, which one of them at a time may pass: a job that needs a whole GPU waits there until one is free,
and small ones that came later wait behind it.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import tempfile
import time
from functools import cache, partial
from pathlib import Path

from filelock import FileLock, Timeout

from workflow_scripts.support.gpus import SLOTS, WHOLE, identify_gpus

POLL_SECONDS = 1.0
_held: list[FileLock] = []  # as long as this process lives


def holds_gpu() -> bool:
    """Tell whether this process has claimed a share of a GPU."""
    return bool(_held)


def slot_folder() -> Path:
    """Return the folder of this machine's slots: a folder a GPU, in it a lock file a slot; and the door."""
    return Path(tempfile.gettempdir()) / f"gpu-slots-{os.getuid()}"


def claim_gpu(gpus: list[str], folder: Path, share: int = WHOLE) -> str:
    """Wait until a share [%] of one of `gpus` is free, hold it until this process ends, and return the GPU.

    Of several, the one with the most that is free. Who waits says so once.
    """
    wanted = max(1, math.ceil(SLOTS * min(share, WHOLE) / WHOLE))
    said = f"waiting for {share} % of a GPU: other jobs hold too much of each of the {len(gpus)}"
    say_once = cache(partial(print, said, flush=True))
    slots = {gpu: folder / re.sub(r"[^\w.-]", "_", uuid) for gpu, uuid in identify_gpus(gpus).items()}
    folder.mkdir(parents=True, exist_ok=True)
    # One at a time: two that hold half of what they need each would wait for ever.
    door = FileLock(folder / "door")
    while not _pass(door):
        say_once()
    try:
        while not (gpu := _take(slots, wanted)):
            say_once()
            time.sleep(POLL_SECONDS)
    finally:
        door.release()
    return gpu


def _pass(door: FileLock) -> bool:
    """Try for a while to become the one at the door, and tell whether this worked."""
    try:
        door.acquire(timeout=POLL_SECONDS, poll_interval=POLL_SECONDS / 20)
    except Timeout:
        return False
    return True


def _take(slots: dict[str, Path], wanted: int) -> str:
    """Hold so many slots of the GPU with the most free ones, and return it; "" and none where these are too few.

    slots: their folder by GPU.
    """
    free = {gpu: _hold_free(folder) for gpu, folder in slots.items()}
    best = max(free, key=lambda gpu: len(free[gpu]))
    kept = free[best][:wanted] if len(free[best]) >= wanted else []
    for lock in itertools.chain.from_iterable(free.values()):
        if lock not in kept:
            lock.release()
    _held.extend(kept)
    return best if kept else ""


def _hold_free(folder: Path) -> list[FileLock]:
    """Return locks on all slots of a GPU that no other job holds."""
    folder.mkdir(exist_ok=True)
    locks = []
    for slot in range(SLOTS):
        lock = FileLock(folder / f"{slot}")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        locks.append(lock)
    return locks
