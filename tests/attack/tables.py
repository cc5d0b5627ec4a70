"""The table of all attacks: line by line on the screen and in results/attack.json, in short in the report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.attack.case import LOST, SILENT
from tests.attack.trial import Trial
from workflow_scripts.support.files import read_json, write_json, write_text

HEADERS = ["attack", "expected", "tried", "as expected", "what the user saw"]
SHORT_HEADERS = ["attacks", "tried", "as expected", "wrong in silence", "work lost", "other defects", "did not fit"]
SHOWN = 3  # different things that were seen, of one kind
LONGEST = 240  # characters of each
SCRATCH = "attack-"  # how the name of the temporary folder begins
PAGE_HEAD = """# Attacks, and what became of them

Written by `make attack ARGS='--page docs/attacks.md'`. What cannot be used is to be refused in one sentence, and
nothing lost; what can be used is to give the right result.
"""


def shorten(text: str) -> str:
    """Return a text in one line of bounded length, without the temporary folder that `make attack` worked in."""
    text = re.sub(rf"/[^\s']*{SCRATCH}\w+", "", " ".join(text.split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def list_lines(trials: Iterable[Trial]) -> list[list[str]]:
    """Return one line a kind of attack: `HEADERS`. Of what was seen, failures first."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(trial.kind, []).append(trial)
    lines = []
    for kind, found in kinds.items():
        order = sorted(found, key=lambda trial: trial.survived)
        seen = dict.fromkeys(trial.seen if trial.survived else f"{trial.defect}: {trial.seen}" for trial in order)
        said = "; or ".join(list(filter(None, map(shorten, seen)))[:SHOWN])
        survived = sum(trial.survived for trial in found)
        lines.append([kind, found[0].expected, str(len(found)), str(survived), said])
    return lines


def count(trials: list[Trial]) -> dict[str, int]:
    """Return how many were tried and how they came out; those that hit nothing are counted apart."""
    failed = [trial.defect for trial in trials if not trial.survived]
    silent, lost = failed.count(SILENT), failed.count(LOST)
    return {
        "tried": len(trials),
        "expected": len(trials) - len(failed),
        "silent": silent,
        "lost": lost,
        "other": len(failed) - silent - lost,
        "missed_target": sum(not trial.aimed for trial in trials),
    }


def store(path: Path, part: str, trials: list[Trial], missed: str, seed: int) -> dict[str, Any]:
    """Put the trials of a part into the file; those of other parts, of an earlier run, stay. Return all of it.

    missed: what did not fit into the time.
    """
    parts = read_json(path)["parts"] if path.exists() else {}
    parts[part] = {"lines": list_lines(trials), "totals": count(trials), "missed": missed, "seed": seed}
    rows = [make_row(name, entry["totals"], entry["missed"]) for name, entry in parts.items()]
    totals = {key: sum(entry["totals"][key] for entry in parts.values()) for key in parts[part]["totals"]}
    rows.append(make_row("all", totals, ""))
    content = {"headers": SHORT_HEADERS, "rows": rows, "totals": totals, "parts": parts, "line_headers": HEADERS}
    write_json(path, content)
    return content


def make_row(name: str, totals: dict[str, int], missed: str) -> list[str]:
    """Return the line of a part in the report: `SHORT_HEADERS`."""
    counts = [str(totals[key]) for key in ("tried", "expected", "silent", "lost", "other")]
    return [name, *counts, missed]


def describe_totals(totals: dict[str, int]) -> str:
    """Return the totals in one sentence."""
    said = f"{totals['tried']} tried, {totals['silent']} wrong in silence, {totals['lost']} lost work"
    said += f", {totals['other']} other defects"
    return said + (f"; {totals['missed_target']} of them hit nothing" if totals["missed_target"] else "")


def write_page(path: Path, content: dict[str, Any]) -> None:
    """Write a page of all lines, a section a part, in Markdown. content: of the file that `store` writes."""
    sections = [PAGE_HEAD, _tabulate(content["rows"], content["headers"])]
    for name, part in content["parts"].items():
        sections += [f"\n## {name.capitalize()}\n", _tabulate(part["lines"], content["line_headers"])]
    write_text(path, "\n".join(sections) + "\n")


def _tabulate(lines: list[list[str]], headers: list[str]) -> str:
    """Return a table in Markdown, not padded, whose cells hold no mark of a table or of a tag."""
    cells = [[cell.replace("|", "/").replace("<", "&lt;") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headers, ["---"] * len(headers), *cells])
