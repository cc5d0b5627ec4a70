"""Which device a job runs on: where there are GPUs, a share of one that other jobs of ours do not hold."""

from __future__ import annotations

import os

import torch

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.gpus import VISIBLE, WHOLE, list_gpus, set_share
from workflow_scripts.support.memory import keep_freed_memory
from workflow_scripts.training.gpu_slots import claim_gpu, holds_gpu, slot_folder

OUTSIDE = 2**29  # bytes that a process takes of a GPU beside what torch allocates: its context, libraries


def choose_device(name: str, threads: int, share: int = WHOLE) -> torch.device:
    """Return the named device, or with "auto" a GPU where there is one; set the number of CPU threads.

    share: of a GPU's memory [%]. Waits for a GPU of which no other jobs of ours hold too much, and makes it the only
    visible one; a process that has one keeps it.
    """
    torch.set_num_threads(threads)
    # Kernels chosen by timing would differ between two runs of one seed.
    torch.backends.cudnn.benchmark = False
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the driver's order, which the names are from
    if name != "cpu" and not holds_gpu() and (gpus := list_gpus()):
        os.environ[VISIBLE] = claim_gpu(gpus, slot_folder(), share)  # before torch first asks for devices
        if 0 < share < WHOLE and torch.cuda.is_available():
            limit_memory(share)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("the device is 'cuda', but torch finds no GPU here; use --device cpu or auto")
    if name == "cpu":
        keep_freed_memory()
    return torch.device(name)


def describe_machine(device: torch.device, threads: int, compiling: str = "off") -> dict[str, str]:
    """Return what of a machine and of the engine's settings decides last digits, and so, after many steps, weights.

    compiling: the engine's choice; told of where it may have an effect.
    """
    gpu = device.type == "cuda"
    found = {"device": torch.cuda.get_device_name() if gpu else device.type, "threads": str(threads)}
    return {**found, "compile": compiling} if compiling == "on" or (gpu and compiling == "auto") else found


def keep_machine(began: dict[str, str], now: dict[str, str], name: str) -> None:
    """Go on with the number of threads that a training began with, and say in a line what is different now.

    began, now: see `describe_machine`; of older trainings nothing is known. name: of the run, for the line.
    """
    threads, device = began.get("threads", now["threads"]), began.get("device", now["device"])
    if threads != now["threads"]:
        torch.set_num_threads(int(threads))
        print(f"{name}: goes on with the {threads} threads that it began with, not {now['threads']}", flush=True)
    if device != now["device"]:
        print(f"{name}: goes on on {now['device']}; it began on {device}, so its last digits will differ", flush=True)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context in which a training computes: in bfloat16 on a GPU, as it is on a CPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def limit_memory(share: int) -> None:
    """Let torch allocate no more than this share [%] of the GPU's memory, less what a process takes beside.

    A job that needs more fails for itself, and not its neighbours.
    """
    set_share(share)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(max(0.0, share / WHOLE - OUTSIDE / total))
