"""What `make reproduce` ends with: how many claims hold, each verdict and why, tables, and where the report is."""

from __future__ import annotations

import itertools
import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workflow_scripts.reporting.verdicts import count_verdicts
from workflow_scripts.support.files import read_json

WIDEST = 120  # columns of a line of text


def describe_results(facts: dict[str, Any]) -> str:
    """Return the totals and verdicts of each paper and data set, the first table of each, and the place of the report.

    facts: of the workflow, see `experiment.facts`. Without a report: how far the work is, and that it goes on.
    """
    report = Path(facts["report"])
    if not report.exists():
        return describe_progress(facts)
    scorecards = [read_json(path) for path in facts["scorecards"] if Path(path).exists()]
    parts = ["\n".join(map(_count, scorecards)), *map(describe_scorecard, scorecards)]
    parts += [_wrap_caption(Path(path).read_text().rstrip()) for path in facts["summaries"] if Path(path).exists()]
    return "\n\n".join([*filter(None, parts), f"The report: {report.resolve()}"])


def describe_scorecard(scorecard: dict[str, Any]) -> str:
    """Return a line for each claim of a scorecard: its verdict, the claim and why. scorecard: as its JSON has it."""
    places = {header: i for i, header in enumerate(scorecard["headers"])}
    verdicts = [line[places["Verdict"]] for line in scorecard["lines"]]
    width = max(map(len, verdicts), default=0)
    lines = [f"{_name(scorecard)}:"]
    for line, verdict in zip(scorecard["lines"], verdicts, strict=True):
        why = line[places["Why"]] if "Why" in places else ""
        lines += _wrap(f"  {verdict:{width}}  ", line[places["The paper says"]])
        lines += _wrap(" " * (width + 4), why)
    return "\n".join(lines)


def describe_progress(facts: dict[str, Any]) -> str:
    """Return in one line how much of an experiment is there. facts: of the workflow, see `experiment.facts`."""
    counts = [
        _tell(facts["data"], "data sets packed"),
        _tell((f"{run}/weights.safetensors" for run in facts["runs"]), "runs trained"),
        _tell((f"{run}/rows/evaluation.parquet" for run in facts["runs"]), "evaluated"),
    ]
    there = "" if Path(facts["report"]).exists() else "; there is no report yet"
    return f"So far: {', '.join(counts)}{there}."


def _tell(files: Iterable[str], what: str) -> str:
    there = [Path(file).exists() for file in files]
    return f"{sum(there)} of {len(there)} {what}"


def _count(scorecard: dict[str, Any]) -> str:
    """Return how many claims of a scorecard have which verdict, in one line."""
    verdict = scorecard["headers"].index("Verdict")
    seeds = scorecard.get("seeds", 0)
    counted = f" ({seeds} seed{'' if seeds == 1 else 's'})" if seeds else ""
    return f"{_name(scorecard)}{counted}: {count_verdicts(line[verdict] for line in scorecard['lines'])}"


def _name(scorecard: dict[str, Any]) -> str:
    place = scorecard["place"]
    return f"{place['paper']}, {place['scope']}"


def _wrap_caption(table: str) -> str:
    """Break the caption of a table in Markdown into lines; the table itself is as wide as it is."""
    lines = ([line] if line.startswith("|") else _wrap("", line) or [""] for line in table.splitlines())
    return "\n".join(itertools.chain.from_iterable(lines))


def _wrap(first: str, text: str) -> list[str]:
    width = max(60, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * len(first)) if text else []
