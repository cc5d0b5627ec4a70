"""`make gpu-check`: everything that only a GPU shows, in minutes, as a table and a JSON file.

For a borrowed machine: it needs a Python, torch and a few packages, no network, no Snakemake. What it finds is written
as it comes, so that a run that is cut off loses nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.support.errors import UserError, command

if TYPE_CHECKING:
    from workflow_scripts.benchmarks.gpu.parts import Part
    from workflow_scripts.benchmarks.gpu.scale import Scale

PYTHON, TORCH = (3, 11), (2, 11)  # the oldest that will do
NONE = "none"
REHEARSAL_MINUTES = 20.0  # a limit for slow machines: a rehearsal takes about one
# Modules that the parts import, by the packages that they come with.
NEEDED = {
    **{"torch": "torch", "torchvision": "torchvision", "numpy": "numpy", "pandas": "pandas", "pyarrow": "pyarrow"},
    **{"jsonschema": "jsonschema", "annotated_types": "annotated-types", "yaml": "pyyaml", "PIL": "pillow"},
    **{"safetensors": "safetensors", "filelock": "filelock", "tqdm": "tqdm", "tabulate": "tabulate", "scipy": "scipy"},
}


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/gpu-check.json"), help="results to write")
    parser.add_argument("--minutes", type=float, help="for everything together (default: 8)")
    parser.add_argument(
        "--only", nargs="+", default=[], help="parts, by the start of their names; data are made anyway"
    )
    parser.add_argument(
        "--speeds", nargs="+", default=[], metavar="EXPERIMENT", help="time the trainings of these, too, on noise"
    )
    parser.add_argument("--scratch", type=Path, help="folder for up to 12 GB of images (default: in memory, or /tmp)")
    parser.add_argument("--cpu-rehearsal", action="store_true", help="all of it on a CPU, at toy size, in a minute")
    parser.add_argument("--show", type=Path, metavar="JSON", help="print earlier results, and do nothing else")
    return parser.parse_args()


def check_packages() -> None:
    """Raise `UserError`, one sentence that names all that is missing or too old."""
    wrong = [name for module, name in NEEDED.items() if find_spec(module) is None]
    lacks = [f"the packages {', '.join(wrong)}"] if wrong else []
    if sys.version_info[:2] < PYTHON:
        lacks.append(f"Python {'.'.join(map(str, PYTHON))} or newer, not {platform.python_version()}")
    if "torch" not in wrong and parse_version(found := version("torch")) < TORCH:
        lacks.append(f"torch {'.'.join(map(str, TORCH))} or newer, not {found}")
    if lacks:
        raise UserError(f"the check needs {'; and '.join(lacks)}; install them, or unpack their wheels onto PYTHONPATH")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(number) for number in text.split(".")[:2])


def describe_versions(rehearsal: bool) -> dict[str, Any]:
    """Return what the numbers depend on: versions, driver, GPU and processors."""
    import torch

    from workflow_scripts.bench import describe_machine
    from workflow_scripts.experiment.code import hash_code
    from workflow_scripts.support.gpus import find_gpus

    machine = describe_machine("cpu")
    if not rehearsal:  # asked of the driver: torch would take some of the GPU's memory to tell
        machine["device"] = next((gpu.name for gpu in find_gpus()), "") or torch.cuda.get_device_name()
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        driver = NONE
    packages = {name: _find_version(name) for name in ("torchvision", "triton", "numpy")}
    return {**machine, "cuda": torch.version.cuda or NONE, "driver": driver, **packages, "code": hash_code(("",))}


def _find_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return NONE


def list_parts(scale: Scale, speeds: Sequence[str] = ()) -> list[Part]:
    """Return all parts in their order. The shares are what they are expected to take on an H100, and some more.

    speeds: further experiments whose trainings are timed.
    """
    from workflow_scripts.benchmarks.gpu import drawing, evaluating, learning, recipe, speed, workloads
    from workflow_scripts.benchmarks.gpu.parts import Part

    seeds = range(scale.seeds)
    further = partial(workloads.measure_workloads, experiments=list(speeds))
    return [
        Part("machine", speed.measure_machine, 25),
        *([Part(workloads.PART, further, 150)] if speeds else []),
        Part("data for training", drawing.draw_for_training, 70),
        Part("data for the recipe", drawing.draw_for_recipe, 25),
        Part("training", speed.measure_methods, 150),
        # Beside what follows, which leaves most of the processors idle.
        *(Part(f"{recipe.CPU_PART} {seed}", partial(recipe.train_on_cpu, seed=seed), None, True) for seed in seeds),
        Part(recipe.GPU_PART, recipe.train_on_device, 60),
        Part("evaluation", evaluating.measure_evaluation, 45),
        Part("learning", learning.follow_learning, None),
    ]


def choose_parts(parts: list[Part], only: list[str]) -> list[Part]:
    """Return the parts that are asked for, by the start of their names, and the data; all of them for nothing."""
    for wanted in only:
        if not any(part.name.startswith(wanted) for part in parts):
            names = ", ".join(dict.fromkeys(part.name.partition(",")[0] for part in parts))
            raise UserError(f"there is no part {wanted!r}; choose from {names}")
    return [part for part in parts if not only or part.name.startswith(("data", *only))]


@command
def main() -> None:
    """Measure, write and print."""
    arguments = parse_arguments()
    check_packages()
    import torch

    from workflow_scripts.benchmarks.gpu.parts import Results, run_parts
    from workflow_scripts.benchmarks.gpu.scale import Check, choose_scale
    from workflow_scripts.benchmarks.gpu.scratch import open_scratch
    from workflow_scripts.benchmarks.gpu.speed import list_speeds
    from workflow_scripts.benchmarks.gpu.table import describe_results
    from workflow_scripts.benchmarks.gpu.workloads import list_speeds_of
    from workflow_scripts.experiment.throughput import record_rows
    from workflow_scripts.support.files import read_json

    if arguments.show:
        print(describe_results(read_json(arguments.show)))
        return
    rehearsal = arguments.cpu_rehearsal
    if not rehearsal and not torch.cuda.is_available():
        raise UserError("torch finds no GPU here; --cpu-rehearsal does all of it at toy size on the CPU")
    scale = choose_scale(rehearsal)
    minutes = arguments.minutes or (REHEARSAL_MINUTES if rehearsal else scale.minutes)
    parts = choose_parts(list_parts(scale, arguments.speeds), arguments.only)
    head = {"versions": describe_versions(rehearsal), "minutes": minutes, "rehearsal": rehearsal}
    results = Results(arguments.output, head)
    with open_scratch(arguments.scratch) as scratch:
        if rehearsal:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        check = Check(scratch, "cpu" if rehearsal else "cuda", scale, share=minutes / scale.minutes)
        run_parts(parts, check, results, 60 * minutes)
    if not rehearsal:
        found = results.as_json()
        speeds = [*list_speeds(found, scale), *list_speeds_of(arguments.speeds, found)]
        record_rows(speeds, arguments.output.with_name("throughput.csv"))
    print(f"\n{describe_results(read_json(arguments.output))}\n\n{arguments.output} has all of it")


if __name__ == "__main__":
    main()
