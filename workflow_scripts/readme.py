"""`make readme`: the figures and the verdicts that README.md shows, from a report at hand. Nothing in them is typed.

Verdicts are kept in docs/reproduced.json, by paper and data set, so that experiments which ran elsewhere stay in the
table: a claim that this experiment did not run, or ran with fewer seeds, keeps the verdict of the one that did. Figures
are kept in docs/figures, under the names that they have in a report: of those that are there, this report's take the
place, unless they rest on fewer seeds.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.reporting.places import SCORECARD
from workflow_scripts.reporting.scorecard import NOT_RUN
from workflow_scripts.support.errors import UserError, command
from workflow_scripts.support.files import read_json, write_json, write_text

README, VERDICTS, FIGURES = ROOT / "README.md", ROOT / "docs" / "reproduced.json", ROOT / "docs" / "figures"
BLOCK = re.compile(r"(?<=<!-- verdicts -->\n).*?(?=<!-- end -->)", re.DOTALL)

Verdicts = dict[str, Any]  # claims, verdicts and caveat by data set
Papers = dict[str, Verdicts]  # by paper


def read_verdicts(tables: Path) -> Papers:
    """Return claims, verdicts and caveat of every scorecard in a folder of tables, by paper and data set."""
    found: Papers = {}
    for path in sorted(tables.glob(f"*/*.{SCORECARD}.json")):
        table, comparisons = read_json(path), pd.read_csv(path.with_suffix(".csv"))
        seeds = comparisons.reindex(columns=["claim", "seeds"]).fillna(0).groupby("claim").max().seeds
        claims = [
            {"claim": text, "verdict": verdict, "seeds": int(seeds[name])} for name, text, verdict in table["lines"]
        ]
        place = table["place"]
        found.setdefault(place["paper"], {})[place["scope"]] = {"claims": claims, "caveat": table["caveat"]}
    if not found:
        raise UserError(f"{tables} holds no scorecard; run make reproduce first, or name another report with --report")
    return found


def merge_papers(known: Papers, found: Papers) -> Papers:
    """Return known and found verdicts by paper and data set. See `merge_verdicts`."""
    merged = {name: merge_verdicts(known.get(name, {}), found.get(name, {})) for name in {**known, **found}}
    return {name: own for name, own in merged.items() if own}


def merge_verdicts(known: Verdicts, found: Verdicts) -> Verdicts:
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


def render_papers(papers: Papers) -> str:
    """Return, for each paper, a Markdown table of verdicts."""
    return "".join(render_verdicts(name, verdicts) for name, verdicts in papers.items())


def render_verdicts(paper: str, verdicts: Verdicts) -> str:
    """Return a Markdown table: each claim of a paper, and its verdict on each data set that it is about."""
    claims = list(dict.fromkeys(c["claim"] for entry in verdicts.values() for c in entry["claims"]))
    most = {name: count_seeds(entry) for name, entry in verdicts.items()}
    own = {name: {c["claim"]: _say(c, most[name]) for c in entry["claims"]} for name, entry in verdicts.items()}
    lines = ["", f"| {paper} says | " + " | ".join(verdicts) + " |", "| --- |" + " --- |" * len(verdicts)]
    said = {claim: claim.replace("|", r"\|") for claim in claims}
    lines += [
        f"| {said[claim]} | " + " | ".join(own[name].get(claim, "") for name in verdicts) + " |" for claim in claims
    ]
    few = {0: "", 1: "1 seed, so that no spread is known; "}
    seeds = {name: few.get(count, f"{count} seeds; ") for name, count in most.items()}
    notes = [f"{name}: {seeds[name]}{entry['caveat']}." for name, entry in verdicts.items()]
    return "\n".join([*lines, "", *notes, ""])


def _say(claim: dict[str, Any], most: int) -> str:
    """Return a verdict, with its seeds where others of the data set rest on more."""
    fewer = 0 < (count := _rest_on(claim)) < most
    return f"{claim['verdict']} ({count} seed{'' if count == 1 else 's'})" if fewer else str(claim["verdict"])


def fill_readme(text: str, papers: Papers) -> str:
    """Return README.md with its tables of verdicts made anew."""
    return BLOCK.sub(lambda _: render_papers(papers), text)


def copy_figures(report: Path, known: Papers, found: Papers, kept: Path = FIGURES) -> None:
    """Copy those figures of a report that are kept already, unless they rest on fewer seeds than the known ones.

    report: its folder. known: verdicts before this report, found: the report's.
    """
    for old in sorted(kept.glob("*/*.png")):
        new = report / "figures" / old.relative_to(kept)
        paper, scope = old.parent.name, old.name.partition(".")[0]
        before, now = (count_seeds(verdicts.get(paper, {}).get(scope)) for verdicts in (known, found))
        if new.exists() and now >= before:
            shutil.copyfile(new, old)


@command
def main() -> None:
    """Take verdicts and figures over from a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, help="folder of a report (default: the default experiment's)")
    arguments = parser.parse_args()
    report = arguments.report or Path("reports") / read_yaml(ROOT / "config.yaml")["experiment"]
    known = read_json(VERDICTS) if VERDICTS.exists() else {}
    found = read_verdicts(report / "tables")
    papers = merge_papers(known, found)
    copy_figures(report, known, found)
    write_json(VERDICTS, papers)
    # From the file, whose order may differ: the next call, and the test, read it from there.
    write_text(README, fill_readme(README.read_text(), read_json(VERDICTS)))


if __name__ == "__main__":
    main()
