"""Which device a job runs on: where there are GPUs, one that no other job of ours holds."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.memory import keep_freed_memory

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 1.0
_held: list[FileLock] = []  # as long as this process lives: the kernel frees the slot of one that crashes


def choose_device(name: str, threads: int) -> torch.device:
    """Return the named device, or with "auto" a GPU where there is one; set the number of CPU threads.

    Waits for a GPU that no other job of ours holds and makes it the only visible one.
    """
    torch.set_num_threads(threads)
    # Kernels chosen by timing would differ between two runs of one seed.
    torch.backends.cudnn.benchmark = False
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if name != "cpu" and (gpus := list_gpus()):
        os.environ[VISIBLE] = claim_gpu(gpus, slot_folder())  # before torch first asks for devices
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("the device is 'cuda', but torch finds no GPU here; use --device cpu or auto")
    if name == "cpu":
        keep_freed_memory()
    return torch.device(name)


def list_gpus() -> list[str]:
    """Return the GPUs this job may use: those that CUDA_VISIBLE_DEVICES names (as a cluster sets it), or all."""
    if VISIBLE in os.environ:
        return [gpu.strip() for gpu in os.environ[VISIBLE].split(",") if gpu.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU (\d+):", listed, re.MULTILINE)


def slot_folder() -> Path:
    """Return the folder of this machine's slots: one lock file a GPU."""
    return Path(tempfile.gettempdir()) / f"gpu-slots-{os.getuid()}"


def claim_gpu(gpus: list[str], folder: Path) -> str:
    """Wait until one of `gpus` is held by no other job, hold it until this process ends, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        for gpu in gpus:
            lock = FileLock(folder / re.sub(r"[^\w.-]", "_", gpu), blocking=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            _held.append(lock)
            return gpu
        if not waiting:
            print(f"all {len(gpus)} GPUs are in use; waiting for one", flush=True)
            waiting = True
        time.sleep(POLL_SECONDS)
