"""The GPUs of this machine, as its driver tells them: free of torch, since planning asks too."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
WHOLE = 100  # a share of a GPU, in percent
SLOTS = 10  # that a GPU is divided into: shares are multiples of a tenth
QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits")
LINE = re.compile(r"(\d+), *([^,]+), *(\d+), *(.+)")


@dataclass(frozen=True)
class Gpu:
    """index, uuid: what `CUDA_VISIBLE_DEVICES` may call it. mib: its memory. name: its model."""

    index: str
    uuid: str
    mib: int
    name: str


def query_gpus() -> list[Gpu]:
    """Return all GPUs of this machine whose memory is known; none where there is no driver."""
    try:
        text = subprocess.run(QUERY, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = (LINE.fullmatch(line.strip()) for line in text.splitlines())
    return [Gpu(match[1], match[2], int(match[3]), match[4].strip()) for match in found if match]


def list_gpus() -> list[str]:
    """Return the GPUs this job may use: those that `CUDA_VISIBLE_DEVICES` names (as a cluster sets it), or all."""
    if VISIBLE in os.environ:
        return [gpu.strip() for gpu in os.environ[VISIBLE].split(",") if gpu.strip()]
    return [gpu.index for gpu in query_gpus()]


def find_gpus() -> list[Gpu]:
    """Return the GPUs of `list_gpus`; none where one of them is unknown to the driver, such as a part of a GPU."""
    known, names = query_gpus(), list_gpus()
    found = [gpu for name in names for gpu in known if name == gpu.index or gpu.uuid.startswith(name)]
    return found if len(found) == len(names) else []
