"""A table as CSV, Markdown, LaTeX and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from workflow_scripts.reporting.cells import Cell, Table
from workflow_scripts.reporting.findings.base import Statement
from workflow_scripts.reporting.numbers import format_mean, format_number
from workflow_scripts.reporting.places import Place

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
MEANINGS = {"exact": "not printed, but computed from the paper's formula"}  # of kinds of provenance that say too little


def format_measured(cell: Cell, digits: int) -> str:
    """Write the measured mean ± standard deviation with the digits that this supports, or "not run"."""
    return format_mean(cell.mean, cell.std, digits) or "not run"


def format_difference(cell: Cell, digits: int) -> str:
    """Write measured less published with its sign; "" where one is missing."""
    text = format_number(cell.difference, digits)
    return f"+{text}" if text and not text.startswith("-") else text


def caption(table: Table) -> str:
    """Return title, note, seeds and provenance of published values, as one paragraph, without what its data are."""
    view = table.view
    seeds = max((cell.seeds for line in table.cells for cell in line), default=0)
    parts = [f"{view.title}, on {view.place.scope}.", view.note.strip()]
    fewer = " Without ±: one seed." if any(cell.seeds == 1 for line in table.cells for cell in line) else ""
    parts.append(f"Mean ± standard deviation over {seeds} seeds.{fewer}" if seeds > 1 else "One seed.")
    if any(cell.published is not None for line in table.cells for cell in line):
        parts.append(f"Published values: {MEANINGS.get(view.provenance or '', view.provenance)}.")
    elif view.provenance is None:
        parts.append("The paper's cells are not available.")
    if table.reasons:
        parts.append(f"Not measured: {'; '.join(dict.fromkeys(table.reasons.values()))}.")
    return " ".join(parts)


@dataclass(frozen=True)
class TextTable:
    """A table as text, ready for any format. The first two columns name a line.

    caption: of the table; caveat: of its data, which a page says once for many tables, and a table alone beneath its
    caption. records: full numbers, for CSV. differences: measured less published beside the published entries of
    `lines`, "" beside all others, and where a caveat says that the two are not of the same data. details: sentences
    behind each line, or none at all. findings: statements on its rows. seeds: of a scorecard, the most of a comparison.
    """

    place: Place
    title: str
    caption: str
    caveat: str
    headers: list[str]
    lines: list[list[str]]
    records: list[dict[str, Any]]
    differences: list[list[str]] = field(default_factory=list)
    details: list[list[str]] = field(default_factory=list)
    findings: list[Statement] = field(default_factory=list)
    seeds: int = 0


def lay_out(table: Table) -> TextTable:
    """Turn cells into text: a measured column each, and a published one where there are values."""
    view = table.view
    has_published = [any(line[i].published is not None for line in table.cells) for i in range(len(view.columns))]
    headers = ["Section", "Method"]
    for column, published in zip(view.columns, has_published, strict=True):
        headers += [column.label, f"{column.label}, published"] if published else [column.label]
    lines, records, differences = [], [], []
    for number, (line, cells) in enumerate(zip(view.lines, table.cells, strict=True)):
        texts, beside = [line.section, line.label], ["", ""]
        for position, (column, cell) in enumerate(zip(view.columns, cells, strict=True)):
            is_blank = not line.has(column) or (column.optional and cell.mean is None)
            reason = table.reasons.get((number, position))
            texts += ["not measured" if reason else "" if is_blank else format_measured(cell, column.digits)]
            beside += [""]
            if has_published[position]:
                missing = "not available" if line.of_paper else ""
                texts += [format_number(cell.published, column.digits) or missing]
                beside += ["" if table.caveat else format_difference(cell, column.digits)]
            key = {"section": line.section, "method": line.select.get("method", ""), "label": line.label}
            difference = None if table.caveat else cell.difference
            records.append({**key, "column": column.label, **asdict(cell), "difference": difference})
        lines.append(texts)
        differences.append(beside)
    about = (view.place, view.title, caption(table), table.caveat)
    return TextTable(*about, headers, lines, records, differences, findings=table.findings)


def caption_alone(table: TextTable) -> str:
    """Return the caption of a table that stands alone: with what its data are."""
    return f"{table.caption} Data: {table.caveat.rstrip('.')}." if table.caveat else table.caption


def to_csv(table: TextTable) -> str:
    """Return the records: full numbers, of a view one entry a cell with mean, std, seeds, published and difference."""
    return pd.DataFrame(table.records).to_csv(index=False)


def to_markdown(table: TextTable) -> str:
    """Return a Markdown table under its caption and the caveat of its data."""
    headers, *lines = [[text.replace("|", r"\|") for text in line] for line in (table.headers, *table.lines)]
    frame = pd.DataFrame(lines, columns=headers)
    return f"{caption_alone(table)}\n\n{frame.to_markdown(index=False, disable_numparse=True)}\n"


def to_latex(table: TextTable) -> str:
    """Return a booktabs table environment."""

    def escape(text: str) -> str:
        return "".join(LATEX_ESCAPES.get(character, character) for character in text).replace("±", r"$\pm$")

    body, section = [], None
    for line in table.lines:
        if section is not None and line[0] != section:
            body.append(r"\midrule")
        section = line[0]
        body.append(" & ".join(map(escape, line)) + r" \\")
    begin = [r"\begin{table}", r"\centering", rf"\caption{{{escape(caption_alone(table))}}}"]
    begin += [rf"\begin{{tabular}}{{ll{'r' * (len(table.headers) - 2)}}}", r"\toprule"]
    head = [" & ".join(map(escape, table.headers)) + r" \\", r"\midrule"]
    return "\n".join([*begin, *head, *body, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def to_json(table: TextTable) -> str:
    """Return the table as the report reads it."""
    content = asdict(table)
    del content["records"]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "json": to_json}
