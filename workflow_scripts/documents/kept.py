"""What is kept of reports for the documents: verdicts, headlines, and what they rest on, by paper and data set.

An entry holds `claims` (id, text, verdict, why and seeds of each), `findings` (the headlines of each table, with its
title and seeds), `caveat` of the data, the `experiments` that it is from, and `effort`, see `effort.py`. Of a claim, or
of a table's headlines, the one that rests on more seeds stays; of as many the newer one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.reporting.places import SCORECARD
from workflow_scripts.reporting.verdicts import NOT_RUN
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json

Entry = dict[str, Any]
Scopes = dict[str, Entry]  # by data set
Papers = dict[str, Scopes]  # by paper


def read_report(tables: Path) -> Papers:
    """Return what the tables of a report say, by paper and data set. tables: its folder.

    Raises `UserError` for a folder without a scorecard.
    """
    found: Papers = {}
    for path in sorted(tables.glob("*/*.json")):
        table = read_json(path)
        place = table["place"]
        entry = found.setdefault(place["paper"], {}).setdefault(place["scope"], {"claims": [], "findings": {}})
        entry["caveat"] = table["caveat"] or entry.get("caveat", "")
        if place["table"] == SCORECARD:
            entry["claims"] = _read_claims(table, path)
        elif said := [dict(found)["text"] for found in table.get("findings", []) if _is_headline(found)]:
            entry["findings"][place["table"]] = {"title": table["title"], "texts": said, "seeds": _count(path)}
    kept = {paper: {name: entry for name, entry in own.items() if _says(entry)} for paper, own in found.items()}
    if not any(entry["claims"] for own in kept.values() for entry in own.values()):
        raise UserError(f"{tables} holds no scorecard; run make reproduce first, or name another report with --report")
    return {paper: own for paper, own in kept.items() if own}


def _read_claims(table: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the claims of a scorecard. Each has the seeds of that of its comparisons that has most."""
    comparisons = pd.read_csv(path.with_suffix(".csv")).reindex(columns=["claim", "seeds"]).fillna(0)
    seeds = comparisons.groupby("claim").max().seeds
    names = ("id", "claim", "verdict", "why")
    return [dict(zip(names, line, strict=False)) | {"seeds": int(seeds[line[0]])} for line in table["lines"]]


def _is_headline(finding: Any) -> bool:
    return isinstance(finding, dict) and bool(finding.get("headline"))


def _count(path: Path) -> int:
    """Return how many seeds the cells of a table rest on, at the most."""
    cells = pd.read_csv(path.with_suffix(".csv"))
    return int(cells["seeds"].max()) if "seeds" in cells and len(cells) else 0


def _says(entry: Entry) -> bool:
    return bool(entry["findings"]) or bool(entry["claims"])


def is_judged(claim: dict[str, Any]) -> bool:
    """Tell whether there is a verdict on a claim."""
    return bool(claim["verdict"] != NOT_RUN)


def merge_papers(known: Papers, found: Papers) -> Papers:
    """Return known and found entries by paper and data set. See `merge_scopes`."""
    merged = {name: merge_scopes(known.get(name, {}), found.get(name, {})) for name in {**known, **found}}
    return {name: own for name, own in merged.items() if own}


def merge_scopes(known: Scopes, found: Scopes) -> Scopes:
    """Return known and found entries by data set."""
    merged = dict(known)
    for name, entry in found.items():
        if entry.get("findings") or any(map(is_judged, entry["claims"])):
            merged[name] = _merge_entries(known.get(name, {"claims": []}), entry)
    return merged


def _merge_entries(known: Entry, found: Entry) -> Entry:
    """Return an entry of the found claims, each with the verdict that rests on more seeds."""
    claims = [_choose(claim, _find(claim, known["claims"])) for claim in found["claims"]]
    findings = dict(known.get("findings", {}))
    for table, headlines in found.get("findings", {}).items():
        if headlines["seeds"] >= findings.get(table, headlines)["seeds"]:
            findings[table] = headlines
    entry = {**found, "claims": claims or known["claims"], "findings": findings}
    if count_seeds(known) > count_seeds(found):
        entry.pop("effort", None)  # of fewer runs than the entry rests on
        entry |= {"effort": known["effort"]} if "effort" in known else {}
    if "experiments" in found:
        entry["experiments"] = list(dict.fromkeys([*known.get("experiments", []), *found["experiments"]]))
    return entry


def _find(claim: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return a known claim of the same name or, where it was kept before names were, of the same text."""
    return next((k for k in known if k.get("id", claim["id"]) == claim["id"] and _is_same(k, claim)), None)


def _is_same(known: dict[str, Any], claim: dict[str, Any]) -> bool:
    return "id" in known or bool(known["claim"] == claim["claim"])


def _choose(found: dict[str, Any], known: dict[str, Any] | None) -> dict[str, Any]:
    """Return a claim, as it reads now, with the verdict that rests on more seeds."""
    if known is None or rest_on(found) >= rest_on(known):
        return found
    return {**known, "id": found["id"], "claim": found["claim"]}


def rest_on(claim: dict[str, Any]) -> int:
    """Return how many seeds a verdict rests on."""
    return int(claim["seeds"]) if is_judged(claim) else 0


def count_seeds(entry: Entry | None) -> int:
    """Return how many seeds what is kept of a data set rests on, at the most."""
    if not entry:
        return 0
    tables = [table["seeds"] for table in entry.get("findings", {}).values()]
    return max([*map(rest_on, entry["claims"]), *tables], default=0)
