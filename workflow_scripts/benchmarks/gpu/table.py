"""The results of a check as text: one table for each thing one wants to know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tabulate import tabulate

from workflow_scripts.benchmarks.gpu.recipe import (
    AGREEING,
    CPU_PART,
    GPU_PART,
    TOLERANCE,
    compare_rows,
    is_within_noise,
)

WORST = 5  # rows of the recipe that are shown
PACE = ("run", "kind", "step", "lr", "seconds", "images_per_second")  # of a line of a history: all else are losses
CONSTANT = (
    "{} are the errors of a constant prediction of the states, by group. One that knows the action, and no image, errs "
    "less: of states drawn evenly, the difference of two already tells about half of the variance of a color, and a "
    "third of that of a rotation. So a head that reads tokens with the action proves little; those without one do."
)
Entry = dict[str, Any]  # of a part, in the results


def describe_results(results: dict[str, Any]) -> str:
    """Return everything that a check found. results: what its JSON file holds."""
    parts: dict[str, Entry] = results["parts"]
    sections = [", ".join(f"{key} {value}" for key, value in results["versions"].items())]
    sections += [describe(parts) for describe in (_describe_failures, _describe_speeds, _describe_training)]
    sections += [describe(parts) for describe in (_describe_evaluation, _describe_recipe, _describe_learning)]
    return "\n\n".join(filter(None, sections))


def _describe_failures(parts: dict[str, Entry]) -> str:
    """Return what failed, of each part and within parts, a line each; "" for nothing."""
    unfinished = {name: part for name, part in parts.items() if part["status"] != "done"}
    lines = [f"{name}: {part['status']}: {_last_line(part['error'])}" for name, part in unfinished.items()]
    lines += [
        f"{name}: {row.get('run') or row.get('case')}: {row['error']}"
        for name, part in parts.items()
        for row in part["rows"]
        if row.get("error")
    ]
    return "\n".join(["Not measured:", *lines]) if lines else ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["cut off"])[-1]


def _find(parts: dict[str, Entry], benchmark: str) -> list[dict[str, Any]]:
    """Return all measurements of a kind."""
    return [one for part in parts.values() for one in part["measurements"] if one["benchmark"] == benchmark]


def _describe_speeds(parts: dict[str, Entry]) -> str:
    """Return the table of all that has no table of its own."""
    found = [one for part in parts.values() for one in part["measurements"] if one["benchmark"] != "training"]
    lines = []
    for one in found:
        values = (_round(one[key]) for key in ("value", "low", "high"))
        lines.append([one["benchmark"], one["case"], one["quantity"], *values, one["unit"], one["n"]])
    headers = ("part", "case", "quantity", "median", "least", "most", "unit", "n")
    return _tabulate(lines, headers) if lines else ""


def _tabulate(lines: list[list[Any]], headers: Iterable[str]) -> str:
    return tabulate(lines, list(headers), tablefmt="github", disable_numparse=True)


def _round(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _describe_training(parts: dict[str, Entry]) -> str:
    """Return the table of trainings: a line a method, compiled and not."""
    found = _find(parts, "training")
    cases = dict.fromkeys(one["case"] for one in found)
    columns = {one["quantity"]: f"{one['quantity']} [{one['unit']}]" for one in found}
    values = {(one["case"], one["quantity"]): _round(one["value"]) for one in found}
    lines = [[case, *(values.get((case, quantity), "") for quantity in columns)] for case in cases]
    return _tabulate(lines, ["training", *columns.values()]) if lines else ""


def _describe_evaluation(parts: dict[str, Entry]) -> str:
    """Return the evaluation's share of the training that it follows, where both were measured."""
    minutes = [one for one in _find(parts, "evaluation") if one["unit"] == "min"]
    trainings = {one["case"]: one["value"] for one in _find(parts, "training") if one["quantity"] == "whole training"}
    lines = []
    for one in minutes:
        name = one["case"].partition(", ")[0]
        lines += [
            f"An evaluation takes {100 * one['value'] / trainings[case]:.0f} % of the training of {case}."
            for case in (name, f"{name}, compiled")
            if case in trainings
        ]
    return "\n".join(lines)


def _describe_recipe(parts: dict[str, Entry]) -> str:
    """Return whether rows on the GPU are those on the CPU, within what seeds differ by."""
    # By part, not by device: in a rehearsal both are made on a CPU.
    cpu, gpu = (
        [row for name, part in parts.items() if name.startswith(start) for row in part["rows"] if "value" in row]
        for start in (CPU_PART, GPU_PART)
    )
    compared = compare_rows(cpu, gpu)
    if not compared:
        return ""
    agree, seeds = sum(one.agrees for one in compared), len({row["seed"] for row in cpu})
    verdict = "within" if is_within_noise(compared) else "NOT within"
    said = (
        f"The recipe on the GPU is {verdict} the noise of {seeds} seeds on the CPU: {agree} of {len(compared)} rows "
        f"differ by at most {TOLERANCE:g} standard errors, {AGREEING:.0%} have to. The least alike:"
    )
    lines = [[" ".join(map(str, one.key)), *map(_round, (one.cpu, one.gpu, one.errors))] for one in compared[:WORST]]
    return f"{said}\n{_tabulate(lines, ('row', 'CPU', 'GPU', 'errors'))}"


def _describe_learning(parts: dict[str, Entry]) -> str:
    """Return a table for each run: losses and R2 at each step where it was probed."""
    rows = [row for part in parts.values() for row in part["rows"] if "kind" in row]
    sections = []
    for run in dict.fromkeys(row["run"] for row in rows):
        own = [row for row in rows if row["run"] == run]
        probes = [row for row in own if row["kind"] == "probe" and row["metric"] == "r2"]
        history = {row["step"]: row for row in own if row["kind"] == "history"}
        lines = [_make_line(step, probes, history) for step in dict.fromkeys(row["step"] for row in probes)]
        if lines:
            sections.append(f"{run}\n{tabulate(lines, 'keys', tablefmt='github')}")
        watched = {key for row in history.values() for key in row if key not in PACE}
        for row in own:
            errors = row.get("errors", {})
            if any(name.endswith(f" {group}") for name in watched for group in errors):
                sections.append(CONSTANT.format(", ".join(f"{group} {one:.4g}" for group, one in errors.items())))
    return "\n\n".join(sections)


def _make_line(step: int, probes: list[dict[str, Any]], history: dict[int, dict[str, Any]]) -> dict[str, Any]:
    line: dict[str, Any] = {"step": step}
    line |= {key: f"{value:.4g}" for key, value in history.get(step, {}).items() if key not in PACE}
    for row in probes:
        if row["step"] == step:
            level = "" if row["level"] is None else f" {row['level']}"
            place = f"{row['representation']} {row['condition']}{level}".strip()
            line[f"{row['task']}, {place}"] = f"{row['value']:.3f}"
    return line
