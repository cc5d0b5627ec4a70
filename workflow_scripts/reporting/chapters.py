"""A chapter of the page: what a paper says, and for each data set the verdicts, what leads, and all tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from workflow_scripts.reporting.numbers import format_mean
from workflow_scripts.reporting.papers import Paper
from workflow_scripts.reporting.pictures import describe_figure
from workflow_scripts.reporting.places import (
    ACROSS,
    SCORECARD,
    Datasets,
    Place,
    get_benchmark,
    list_claims,
    list_places,
)
from workflow_scripts.reporting.verdicts import count_verdicts, split_verdict
from workflow_scripts.support.files import read_json

COPIES = {"CSV": ".csv", "LaTeX": ".tex"}
EMPTY = ("not run", "not measured", "not available")  # of cells
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z`+])")


def describe_chapter(
    paper: Paper, datasets: Datasets, abouts: Mapping[str, dict[str, Any]], tables: Path, figures: Path
) -> dict[str, Any]:
    """Return a paper's chapter: a part for each data set that it has anything for, and one for all of them.

    abouts: meta by data set, of which its caveat is shown. What was not made is left out.
    """
    places = list_places(paper, datasets)
    parts = []
    for scope in [*_sort_datasets(paper, datasets), ACROSS]:
        own = [place for place in places if place.scope == scope]
        is_judged = scope in datasets and bool(list_claims(paper, get_benchmark(paper, datasets[scope])))
        part = {
            "scope": scope,
            "id": f"{paper.name}/{scope}",
            "title": "All data sets" if scope == ACROSS else scope,
            "about": abouts.get(scope),
            "scorecard": describe_scorecard(paper, scope, tables) if is_judged else None,
            "sections": [section for place in own if (section := describe_section(paper, place, tables, figures))],
        }
        if part["scorecard"] or part["sections"]:
            parts.append(part)
    controls = {name: mark(text.strip(), paper.symbols) for name, text in paper.controls.items()}
    return {"paper": paper, "controls": controls, "parts": parts}


def _sort_datasets(paper: Paper, datasets: Datasets) -> list[str]:
    """Return the data sets in the order of the paper's benchmarks; last those that stand for none."""
    order = {name: number for number, name in enumerate(paper.benchmarks)}
    return sorted(datasets, key=lambda name: order.get(get_benchmark(paper, datasets[name]), len(order)))


def describe_scorecard(paper: Paper, scope: str, tables: Path) -> dict[str, Any] | None:
    """Return the verdicts on a data set, and how many there are of each; None where they were not made."""
    place = Place(paper.name, scope, SCORECARD)
    path = tables / f"{place.stem}.json"
    if not path.exists():
        return None
    table = read_json(path)
    verdicts = []
    for (claim, text, verdict, why), details in zip(table["lines"], table["details"], strict=True):
        word, provisional = split_verdict(verdict)
        found = {"claim": claim, "text": text, "verdict": word, "provisional": provisional, "details": details}
        verdicts.append(found | {"why": mark(why, paper.symbols)})
    return {
        "stem": place.stem,
        "seeds": table["seeds"],
        "verdicts": verdicts,
        "counts": count_verdicts(line[2] for line in table["lines"]),
        "copies": read_copies(path),
        "title": f"Verdicts on {scope}",
    }


def describe_section(paper: Paper, place: Place, tables: Path, figures: Path) -> dict[str, Any] | None:
    """Return a view: its table, its figure, or both; None where neither was made. lead: it is not folded."""
    view, path = paper.views[place.table], tables / f"{place.stem}.json"
    figure = describe_figure(figures, place.stem)
    if not path.exists() and not figure:
        return None
    note = view["note"].strip()
    return {
        "stem": place.stem,
        "title": view["title"],
        "gist": mark(SENTENCE.split(note, maxsplit=1)[0], paper.symbols),
        "note": mark(note, paper.symbols),
        "lead": bool(view.get("lead")) and figure is not None,
        "figure": figure,
        "table": describe_table(path, paper.symbols) if path.exists() else None,
    }


def describe_table(path: Path, symbols: Mapping[str, str]) -> dict[str, Any]:
    """Return a table's content, the numbers its columns are sorted by, and its text in other formats."""
    table: dict[str, Any] = read_json(path)
    title, scope = table["title"], table["place"]["scope"]
    lines = table["lines"]
    findings = [statement | {"text": mark(statement["text"], symbols)} for statement in table["findings"]]
    return (
        table
        | {
            "findings": findings,
            "caption": mark(table["caption"].removeprefix(f"{title}, on {scope}.").strip(), symbols),
            "headers": [mark(header, symbols) for header in table["headers"]],
            "lines": [[*(mark(text, symbols) for text in line[:2]), *line[2:]] for line in lines],
            "bare": not any(line[0] for line in lines),  # no sections
            "missing": any("not run" in line for line in lines),
            "order": [[*line[:2], *map(_find_number, line[2:])] for line in lines],
            "copies": read_copies(path),
        }
    )


def read_copies(path: Path) -> dict[str, str]:
    """Return a table in formats that one may copy. path: of its JSON."""
    files = {title: path.with_suffix(ending) for title, ending in COPIES.items()}
    return {title: file.read_text() for title, file in files.items() if file.exists()}


def _find_number(text: str) -> str:
    """Return the number that a cell begins with; "" where there is none, which is sorted last."""
    found = re.match(r"[-+]?\d*\.?\d+", text)
    return found[0] if found else ""


def mark(text: str, symbols: Mapping[str, str]) -> Markup:
    """Return a text, escaped, in which the first of each symbol says what it stands for, and `this` is code.

    A single capital letter is not taken for a symbol: it may be the first word of a sentence.
    """
    known = [symbol for symbol in symbols if not (len(symbol) == 1 and symbol.isupper())]
    choice = "|".join(["`[^`]+`", *map(re.escape, sorted(known, key=len, reverse=True))])
    seen: set[str] = set()

    def mark_part(part: str) -> Markup:
        if part.startswith("`"):
            return Markup("<code>{}</code>").format(part.strip("`"))
        if part in seen:
            return escape(part)
        seen.add(part)
        return Markup('<abbr title="{}">{}</abbr>').format(symbols[part], part)

    parts = re.split(rf"(?<![\w.+-])({choice})(?![\w+])", text)  # every other one is to be marked
    return Markup("").join(mark_part(part) if n % 2 else part for n, part in enumerate(parts))


def list_findings(chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the statements of all tables that are headlines, each with the part and the section that it is from.

    What is reached without learning, a caution on how to read the others, comes last; so does what has no figure.
    """
    found = [
        statement | {"bars": place_bars(statement["bars"], statement["digits"]), "part": part, "section": section}
        for chapter in chapters
        for part in chapter["parts"]
        for section in part["sections"]
        for statement in (section["table"] or {"findings": []})["findings"]
        if statement["headline"]
    ]
    return sorted(found, key=lambda statement: not statement["bars"] or statement["bars"][0]["role"] == "floor")


def place_bars(bars: list[dict[str, Any]], digits: int) -> list[dict[str, Any]]:
    """Return bars with where they begin and how long they are, in percent of the width that all share.

    `whisker` is (start, length) of one standard deviation to either side, None without a spread. Every bar begins at
    0. `text` is its number.
    """
    if not bars:
        return []
    ends = [bar["mean"] + sign * (bar["std"] or 0) for bar in bars for sign in (-1, 1)]
    low, high = min(0, *ends), max(0, *ends)
    width = (high - low) or 1

    def place(start: float, end: float) -> tuple[float, float]:
        start, end = sorted((start, end))
        return round(100 * (start - low) / width, 1), round(100 * (end - start) / width, 1)

    return [
        bar
        | {"bar": place(0, bar["mean"]), "text": format_mean(bar["mean"], bar["std"] or None, digits)}
        | {"whisker": place(bar["mean"] - bar["std"], bar["mean"] + bar["std"]) if bar["std"] else None}
        for bar in bars
    ]
