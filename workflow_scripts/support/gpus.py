"""The GPUs of this machine, as its driver tells them: free of torch, since planning asks too."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
WHOLE = 100  # a share of a GPU, in percent
SLOTS = 10  # that a GPU is divided into: shares are multiples of a tenth
QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,mig.mode.current,name", "--format=csv,noheader,nounits")
LINE = re.compile(r"(\d+), *([^,]+), *(\d+|\[[^,]*\]), *([^,]*), *(.+)")  # what the driver does not know is [N/A]
DIVIDED = "Enabled"  # the MIG mode of a GPU that is divided into parts, of which a job sees one

_share = WHOLE  # that this process has


@dataclass(frozen=True)
class Gpu:
    """index, uuid: what `CUDA_VISIBLE_DEVICES` may call it. mib: a job's memory on it, 0 = unknown. name: its model."""

    index: str
    uuid: str
    mib: int
    name: str

    def is_called(self, name: str) -> bool:
        """Tell whether `CUDA_VISIBLE_DEVICES` may call it so: by its index, or by the start of its uuid."""
        return name == self.index or self.uuid.startswith(name)


def query_gpus() -> list[Gpu]:
    """Return all GPUs of this machine; none where there is no driver."""
    try:
        text = subprocess.run(QUERY, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = (LINE.fullmatch(line.strip()) for line in text.splitlines())
    return [Gpu(m[1], m[2], _read_memory(m[3], m[4].strip()), m[5].strip()) for m in found if m]


def _read_memory(mib: str, mode: str) -> int:
    """Return the memory that a job may count on [MiB]; 0 where the driver does not say."""
    return int(mib) if mib.isdigit() and mode != DIVIDED else 0


def list_gpus() -> list[str]:
    """Return the GPUs this job may use: those that `CUDA_VISIBLE_DEVICES` names (as a cluster sets it), or all."""
    if VISIBLE in os.environ:
        return [gpu.strip() for gpu in os.environ[VISIBLE].split(",") if gpu.strip()]
    return [gpu.index for gpu in query_gpus()]


def find_gpus() -> list[Gpu]:
    """Return the GPUs of `list_gpus`; none where one of them is unknown to the driver, such as a part of a GPU."""
    known, names = query_gpus(), list_gpus()
    found = [gpu for name in names for gpu in known if gpu.is_called(name)]
    return found if len(found) == len(names) else []


def identify_gpus(names: list[str]) -> dict[str, str]:
    """Return the uuid of each GPU that is called so; what the driver does not know, such as a part of one, is its own.

    One GPU may have several names: within a container or a cluster's job, indices are not the machine's.
    """
    known = query_gpus()
    return {name: next((gpu.uuid for gpu in known if gpu.is_called(name)), name) for name in names}


def set_share(share: int) -> None:
    """Note which share [%] of a GPU's memory this process has."""
    global _share
    _share = share


def get_share() -> int:
    """Return which share [%] of a GPU's memory this process has; all where nothing limits it."""
    return _share
