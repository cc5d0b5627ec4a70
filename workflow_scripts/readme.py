"""`make readme`: the figure and the verdicts that README.md shows, from the reports at hand. Nothing in them is typed.

Verdicts are kept in docs/reproduced.json, by data set, so that experiments which ran elsewhere stay in the table: a
claim that this experiment did not run, or ran with fewer seeds, keeps the verdict of the one that did.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.config import ROOT
from workflow_scripts.reporting.scorecard import NOT_RUN
from workflow_scripts.support.errors import UserError, command
from workflow_scripts.support.files import read_json, write_json, write_text

README, VERDICTS = ROOT / "README.md", ROOT / "docs" / "reproduced.json"
FIGURE = ROOT / "docs" / "context_curves.png"
DRAWN = "embedded"  # the data set of the figure
BLOCK = re.compile(r"(?<=<!-- verdicts -->\n).*?(?=<!-- end -->)", re.DOTALL)


def read_verdicts(tables: Path) -> dict[str, Any]:
    """Return claims, verdicts and caveat of every scorecard in a folder of tables, by data set."""
    found = {}
    for path in sorted(tables.glob("*.scorecard.json")):
        table, comparisons = read_json(path), pd.read_csv(path.with_suffix(".csv"))
        seeds = comparisons.reindex(columns=["claim", "seeds"]).fillna(0).groupby("claim").max().seeds
        claims = [
            {"claim": text, "verdict": verdict, "seeds": int(seeds[name])} for name, text, verdict in table["rows"]
        ]
        found[table["scope"]] = {"claims": claims, "caveat": table["caveat"]}
    if not found:
        raise UserError(f"{tables} holds no scorecard; run make reproduce first")
    return found


def merge_verdicts(known: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return known and found verdicts by data set: of each claim the one of more seeds, of as many the found one."""
    merged = dict(known)
    for name, entry in found.items():
        if all(claim["verdict"] == NOT_RUN for claim in entry["claims"]):
            continue  # a data set on which no claim is judged
        before = {claim["claim"]: claim for claim in known.get(name, {}).get("claims", [])}
        claims = [max(c, before.get(c["claim"], c), key=_rest_on) for c in entry["claims"]]
        merged[name] = {**entry, "claims": claims}
    return merged


def _rest_on(claim: dict[str, Any]) -> int:
    """Return how many seeds a verdict rests on."""
    return 0 if claim["verdict"] == NOT_RUN else int(claim["seeds"])


def count_seeds(entry: dict[str, Any] | None) -> int:
    """Return how many seeds the verdicts on a data set rest on, at the most."""
    return max(map(_rest_on, entry["claims"])) if entry else 0


def render_verdicts(verdicts: dict[str, Any]) -> str:
    """Return a Markdown table: each claim, and its verdict on each data set that it is about."""
    claims = list(dict.fromkeys(c["claim"] for entry in verdicts.values() for c in entry["claims"]))
    most = {name: count_seeds(entry) for name, entry in verdicts.items()}
    own = {name: {c["claim"]: _say(c, most[name]) for c in entry["claims"]} for name, entry in verdicts.items()}
    lines = ["", "| The paper says | " + " | ".join(verdicts) + " |", "| --- |" + " --- |" * len(verdicts)]
    lines += [f"| {claim} | " + " | ".join(own[name].get(claim, "") for name in verdicts) + " |" for claim in claims]
    few = {0: "", 1: "1 seed, so that no spread is known; "}
    seeds = {name: few.get(count, f"{count} seeds; ") for name, count in most.items()}
    notes = [f"{name}: {seeds[name]}{entry['caveat']}." for name, entry in verdicts.items()]
    return "\n".join([*lines, "", *notes, ""])


def _say(claim: dict[str, Any], most: int) -> str:
    """Return a verdict, with its seeds where others of the data set rest on more."""
    fewer = 0 < (count := _rest_on(claim)) < most
    return f"{claim['verdict']} ({count} seed{'' if count == 1 else 's'})" if fewer else str(claim["verdict"])


def fill_readme(text: str, verdicts: dict[str, Any]) -> str:
    """Return README.md with its table of verdicts made anew."""
    return BLOCK.sub(lambda _: render_verdicts(verdicts), text)


@command
def main() -> None:
    """Take verdicts and figure over from a folder of reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="folder of reports (default: reports)")
    arguments = parser.parse_args()
    known = read_json(VERDICTS) if VERDICTS.exists() else {}
    found = read_verdicts(arguments.reports / "tables")
    verdicts = merge_verdicts(known, found)
    write_json(VERDICTS, verdicts)
    curves = arguments.reports / "figures" / f"{DRAWN}.context_curves.png"
    if curves.exists() and count_seeds(found.get(DRAWN)) >= count_seeds(known.get(DRAWN)):
        shutil.copyfile(curves, FIGURE)
    write_text(README, fill_readme(README.read_text(), verdicts))


if __name__ == "__main__":
    main()
