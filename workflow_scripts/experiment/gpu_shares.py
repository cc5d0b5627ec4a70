"""Which share of a GPU a job needs, from the config alone: small runs share one, a run that fills one has it alone.

Estimates are upper bounds, so that jobs beside each other never ask for more than there is. They rest on what encoders
declare of their memory, on widths, and on the size of a run's embeddings.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from workflow_scripts.experiment.costs import GIB, count_passes, count_values, count_views, embedding_bytes
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import Run, get_settings
from workflow_scripts.support.gpus import SLOTS, WHOLE, find_gpus

# What every process takes: CUDA's context, libraries' workspaces, batches that are prepared, an encoder's own weights.
BASE = 3 * GIB // 2
# A step that keeps more than this for its backward pass keeps a GPU busy: at the 8 GiB (as float32) of a ResNet-18 with
# 1,024 images of 128 px an H200 took 27 ms, so at 1 GiB about as long as a CPU takes to start a step's work.
BUSY = GIB
STATES = 16  # bytes a parameter: itself, its gradient and Adam's two moments, in float32
SQUARES = 48  # matrices of the largest width that a method's parameters are fewer than: four layers of a transformer
EMBEDDED = 3  # an evaluation holds a part of its embeddings, banks of them that are probed, and what is between


def get_gpu_share(config: dict[str, Any], run: Run, job: str) -> int:
    """Return the share [%] of a GPU that a job of a run needs. job: "training" or "evaluation".

    0 where jobs use no GPU by the config's choice; all of one where runs must not share, and where the machine does not
    say how much memory its GPUs have.
    """
    engine = config["engine"]
    if engine["device"] == "cpu":
        return 0
    smallest = read_smallest_memory()
    if not engine["share_gpu"] or not smallest or keeps_gpu_busy(config, run, job):
        return WHOLE
    needed = training_memory(config, run) if job == "training" else evaluation_memory(config, run)
    return min(WHOLE, WHOLE // SLOTS * math.ceil(needed / smallest * SLOTS))


@cache
def read_smallest_memory() -> int:
    """Return the memory [bytes] of the GPU with the least of those that jobs may use; 0 where it is not known."""
    return min((gpu.mib for gpu in find_gpus()), default=0) * 2**20


def keeps_gpu_busy(config: dict[str, Any], run: Run, job: str) -> bool:
    """Tell whether a job leaves no time of a GPU to others: a share of memory would gain nothing."""
    return activation_memory(config, run) >= BUSY or (job == "evaluation" and embedding_bytes(config, run) >= BUSY)


def activation_memory(config: dict[str, Any], run: Run) -> int:
    """Return what the encoder keeps in a training step for its backward pass [bytes], at most."""
    settings = get_settings(config, run)
    encoder = settings["encoder"]
    schema = read_schema("encoders", encoder["kind"])
    images = count_views(config, run) * count_passes(run.method) * settings["training"]["batch"]
    return int(images * count_values(config, run) * schema["x-memory"] * _widening(encoder, schema))


def training_memory(config: dict[str, Any], run: Run) -> int:
    """Return what a training needs of a GPU's memory [bytes], at most."""
    width = max((_largest(value) for value in get_settings(config, run)["settings"].values()), default=0)
    return BASE + 2 * activation_memory(config, run) + STATES * SQUARES * width**2


def evaluation_memory(config: dict[str, Any], run: Run) -> int:
    """Return what an evaluation needs of a GPU's memory [bytes], at most."""
    return training_memory(config, run) + EMBEDDED * embedding_bytes(config, run)


def _widening(encoder: dict[str, Any], schema: dict[str, Any]) -> float:
    """Return how many times wider an encoder is than its kind is by default; never less than 1."""
    ratios = [
        _largest(encoder[key]) / _largest(own["default"])
        for key, own in schema["properties"].items()
        if _largest(own.get("default"))
    ]
    return max([1.0, *ratios])


def _largest(value: Any) -> int:
    """Return the largest whole number of a setting; 0 where it holds none."""
    entries = value if isinstance(value, list) else [value]
    return max((entry for entry in entries if isinstance(entry, int) and not isinstance(entry, bool)), default=0)
