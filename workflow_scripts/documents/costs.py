"""What commands cost, as README.md shows it: a list of commands, and beside each the cost of its experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from workflow_scripts.documents.blocks import set_table
from workflow_scripts.documents.effort import NEEDS_LOGIN, Effort, plan_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.throughput import CPU
from workflow_scripts.reporting.times import say_duration

COMMANDS = ROOT / "docs" / "commands.yaml"
CORES = 2  # for which times on a CPU are given
HEADERS = ["Command", "What it does", "Time", "Disk", "Needs"]
TARGETS = ("ablations", "paper")  # of make, which are experiments of the default paper

Commands = dict[str, list[dict[str, Any]]]
Costs = dict[str, dict[str, Any]]  # by experiment: `planned` and, where it ran, `measured`, see `effort.py`


def read_commands(path: Path = COMMANDS) -> Commands:
    """Return commands: those to `start` with, and `groups` of them, each with `title` and `commands`.

    A command has `command`, `what` and perhaps `time` and `needs`.
    """
    commands: Commands = read_yaml(path)
    return commands


def name_experiment(command: str, default: str) -> str:
    """Return the experiment that a command runs, "" for one that runs none. default: of config.yaml."""
    target = command.split()[1]
    if found := re.search(r"EXPERIMENT=(\S+)", command):
        return found[1] if target == "reproduce" else ""
    if target in TARGETS:
        return f"{default.partition('/')[0]}/{target}"
    return default if target == "reproduce" else ""


def count_asked(command: str, planned: int) -> int:
    """Return how many seeds a command asks for. planned: by the experiment itself."""
    found = re.search(r"SEEDS=(\d+)", command)
    return int(found[1]) if found else planned


def plan_costs(costs: Costs, default: str, commands: Commands) -> Costs:
    """Return costs with those of every command's experiment planned anew."""
    listed = [*commands["start"], *(entry for group in commands["groups"] for entry in group["commands"])]
    names = {name_experiment(entry["command"], default) for entry in listed} - {""}
    return {name: {**costs.get(name, {}), "planned": plan_experiment(name)} for name in sorted(names)}


def keep_measured(costs: Costs, name: str, measured: Effort | None) -> Costs:
    """Return costs with what an experiment took, unless what is kept is of more seeds."""
    known = costs.get(name, {}).get("measured")
    if measured is None or (known and _count_seeds(known) > _count_seeds(measured)):
        return costs
    return {**costs, name: {**costs.get(name, {}), "measured": measured}}


def _count_seeds(measured: Effort) -> int:
    return len(measured["seconds"]["seeds"])


def render_start(costs: Costs, default: str, commands: Commands) -> str:
    """Return the commands to start with as lines of code, each under what it does and what it costs."""
    lines = []
    for entry in commands["start"]:
        own = costs.get(name_experiment(entry["command"], default))
        time, disk, needs = say_cost(own, entry["command"]) if own else [entry.get("time", ""), "", ""]
        about = ", ".join(filter(None, [time, disk and f"disk {disk}", needs]))
        lines.append(f"    # {entry['what']}{f': {about}' if about else ''}\n    {entry['command']}\n")
    return "\n".join(lines)


def render_costs(costs: Costs, default: str, commands: Commands) -> str:
    """Return a table of commands for each group."""
    parts = []
    for group in commands["groups"]:
        lines = []
        for entry in group["commands"]:
            command, name = entry["command"], name_experiment(entry["command"], default)
            own = costs.get(name) if name else None
            cells = say_cost(own, command) if own else ["", "", ""]
            needs = ", ".join(filter(None, [cells[2], entry.get("needs", "")]))
            lines.append([f"`{command}`", entry["what"], entry.get("time", cells[0]), cells[1], needs])
        table = set_table(HEADERS, lines)
        parts.append(f"**{group['title']}**\n\n{table}")
    return "\n".join(parts)


def say_cost(own: dict[str, Any], command: str) -> list[str]:
    """Return time, disk and needs of a command. own: what is known of its experiment."""
    planned, measured = own["planned"], own.get("measured")
    asked = count_asked(command, planned["seeds"])
    needs = ["a GPU"] if planned["gpu"] else []
    needs += [_say_download(source, size) for source, size in planned["data"].items()]
    if measured:
        seconds, size = (_sum_seeds(measured[what], asked) for what in ("seconds", "bytes"))
        on_cpu = measured["device"] == CPU
        time = f"{say_duration(seconds / CORES)} on {CORES} cores" if on_cpu else f"{say_duration(seconds)} of jobs"
        return [f"{time}, {_say_seeds(asked)}", say_size(size), "; ".join(needs)]
    times = [
        f"{say_duration(3600 * hours)} on one {_name_device(device)}" for device, hours in planned["hours"].items()
    ]
    time = f"training about {', '.join(times)}" if times else "no training"
    disk = f"{say_size(planned['packed'])}, and up to {say_size(planned['embeddings'])} while it evaluates"
    return [f"{time}, {_say_seeds(asked)}", disk, "; ".join(needs)]


def _sum_seeds(measured: dict[str, Any], asked: int) -> float:
    """Return what data and so many seeds take: the first ones as measured, others as those on average."""
    known = measured["seeds"]
    return float(measured["data"] + sum(known[:asked]) + max(0, asked - len(known)) * sum(known) / len(known))


def _name_device(device: str) -> str:
    """Return a device as a plan names it: speeds on a CPU are of one thread."""
    return "CPU core" if device.startswith(CPU) else device


def _say_seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"


def _say_download(source: str, size: int | str | None) -> str:
    if size == NEEDS_LOGIN:
        return f"{size} of {source}"
    return f"a download ({source}{'' if size is None else ', ' + say_size(int(size))})"


def say_size(size: float) -> str:
    """Return a size: 12 MB, 3.4 GB, 129 GB."""
    if size < 1e9:
        return f"{max(size / 1e6, 1):.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 1e10 else f"{size / 1e9:,.0f} GB"
