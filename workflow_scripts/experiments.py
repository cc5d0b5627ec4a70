"""`make experiments`: one line for each experiment: the time, the disk and the device that it takes.

As docs/costs.json has it: measured where the experiment ran, else reckoned. `make plan` says from what, and for here.
"""

from __future__ import annotations

import argparse
import textwrap

from workflow_scripts.experiment.config import list_experiments
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.support.errors import command
from workflow_scripts.support.files import read_json

COSTS = ROOT / "docs" / "costs.json"
HEADERS = ["experiment", "time", "disk", "needs"]
WIDEST = 60  # of a cell: what is longer is broken into lines


@command
def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    from tabulate import tabulate

    print(tabulate(list_lines(), HEADERS, disable_numparse=True))
    print("\nmake reproduce EXPERIMENT=<name> runs one; make plan EXPERIMENT=<name> says more of what it costs here.")


def list_lines() -> list[list[str]]:
    """Return name, time, disk and needs of each experiment."""
    from workflow_scripts.documents.costs import say_cost
    from workflow_scripts.documents.effort import plan_experiment

    costs = read_json(COSTS) if COSTS.exists() else {}
    lines = []
    for name in list_experiments():
        own = costs.get(name) or {"planned": plan_experiment(name)}
        cells = say_cost(own, f"make reproduce EXPERIMENT={name}")
        lines.append([name, *("\n".join(textwrap.wrap(cell, WIDEST)) for cell in cells)])
    return lines


def describe_measured(name: str, seeds: int) -> str:
    """Return a line on what an experiment took, as it is in its file, where it ran; that it was not measured, else."""
    from workflow_scripts.documents.costs import say_cost

    own = read_json(COSTS).get(name, {}) if COSTS.exists() else {}
    if "measured" not in own:
        return "Measured as a whole: nowhere yet"
    time, disk, _ = say_cost(own, f"make reproduce EXPERIMENT={name} SEEDS={seeds}")
    return f"Measured as a whole, all jobs: {time}, {disk} on disk (docs/costs.json)"


if __name__ == "__main__":
    main()
