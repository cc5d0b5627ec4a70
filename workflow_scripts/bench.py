"""`make bench`: how fast this machine does each part of the work, as a table and as rows.

Speeds of trainings are also written beside the rows, as `throughput.csv`, unless there were fewer turns or steps than
by default: in results/, `make plan` reads it.

Each part runs in a process of its own, whose peak memory is a row too. What is compared runs in turn, and ratios are
taken within each turn: the table gives their median, least and most.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import command

REPEATS, STEPS = 5, 10  # turns of each comparison, and training steps a turn


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/bench.csv"), help="rows to write")
    parser.add_argument("--only", nargs="+", default=[], help="parts to measure, by the start of their names")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"turns of each comparison (default: {REPEATS})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"training steps a turn (default: {STEPS})")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: cuda where there is one)")
    return parser.parse_args()


def describe_machine(device: str) -> dict[str, str]:
    """Return what the numbers depend on: processor, GPU and versions."""
    import torch

    cuda = device != "cpu" and torch.cuda.is_available()
    processor = next(
        (line.split(":")[1].strip() for line in _read_lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return {
        "device": torch.cuda.get_device_name() if cuda else "CPU, one thread",
        "processor": f"{processor}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _read_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def list_parts(setting: Any, steps: int) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Return every part's function and arguments by name; `data` makes what the others read."""
    from workflow_scripts.benchmarks import evaluating, floor, training, workflow
    from workflow_scripts.benchmarks.experiments import list_methods, read_config
    from workflow_scripts.experiment.runs import get_settings
    from workflow_scripts.methods.base import ContextMethod
    from workflow_scripts.support.plugins import list_plugins, load_plugin

    config = read_config()
    runs = list_methods(config)
    classes = {name: load_plugin("methods", run.method, "METHOD") for name, run in runs.items()}
    reference = next(iter(runs))
    parts: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {"data": (workflow.measure_data, (setting,))}
    parts |= {
        f"training {name}": (training.measure_training, (setting, name, steps)) for name in runs if classes[name].trains
    }
    if runs[reference].method in list_plugins("benchmarks.loops", "LOOP"):
        parts["straightforward"] = (training.measure_against_straightforward, (setting, reference))
    varied = training.list_growth(get_settings(config, runs[reference])["settings"])
    parts |= {f"growth {of}": (training.measure_growth, (setting, reference, of, steps)) for of in varied}
    parts["probes"] = (evaluating.measure_probes, (setting,))
    if issubclass(classes[reference], ContextMethod):
        parts["embedding"] = (evaluating.measure_embedding, (setting, reference))
        parts["contexts"] = (evaluating.measure_contexts, (setting, reference))
    parts["gathering"] = (workflow.measure_disk, (setting,))
    parts["planning"] = (workflow.measure_planning, (setting,))
    if workflow.has_results():
        parts["tables"] = (workflow.measure_tables, (setting,))
    if floor.is_known():
        parts["floor"] = (floor.measure_floor, (setting,))
    return parts


@command
def main() -> None:
    """Measure, print and write."""
    arguments = parse_arguments()
    import pandas as pd
    from tabulate import tabulate
    from tqdm import tqdm

    from workflow_scripts.benchmarks.measuring import Measurement, run_alone
    from workflow_scripts.benchmarks.setting import Setting
    from workflow_scripts.benchmarks.training import list_throughput
    from workflow_scripts.experiment.throughput import record_rows
    from workflow_scripts.support.files import write_text

    rows: list[Measurement] = []
    with tempfile.TemporaryDirectory() as scratch:
        setting = Setting(Path(scratch), arguments.device, arguments.repeats)
        parts = list_parts(setting, arguments.steps)
        wanted = [
            name for name in parts if name == "data" or not arguments.only or name.startswith(tuple(arguments.only))
        ]
        for name in (bar := tqdm(wanted, unit="part")):
            bar.set_description(name)
            function, given = parts[name]
            rows += run_alone(function, *given)
    machine = describe_machine(arguments.device)
    lines = [[*row[:4], *(f"{value:.4g}" for value in row[4:7]), row.n] for row in rows]
    print(tabulate(lines, Measurement._fields, tablefmt="github"))
    print("\n" + ", ".join(f"{key} {value}" for key, value in machine.items()))
    write_text(arguments.output, pd.DataFrame(rows).assign(**machine).to_csv(index=False, float_format="%.6g"))
    if arguments.repeats >= REPEATS and arguments.steps >= STEPS:
        record_rows(list_throughput(rows, machine), arguments.output.with_name("throughput.csv"))


if __name__ == "__main__":
    main()
