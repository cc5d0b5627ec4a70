"""A table as CSV, Markdown, LaTeX and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

import pandas as pd

from workflow_scripts.reporting.cells import Cell, Table

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def format_number(value: float | None, digits: int) -> str:
    """Write a number, without the zero before the point as the paper does; "" for none."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def format_measured(cell: Cell, digits: int) -> str:
    """Write the measured mean ± standard deviation, or "not run"."""
    if cell.mean is None:
        return "not run"
    text = format_number(cell.mean, digits)
    return text if cell.std is None else f"{text} ± {format_number(cell.std, digits)}"


def caption(table: Table) -> str:
    """Return title, note, seeds, provenance of published values and the caveat of the data, as one paragraph."""
    view = table.view
    seeds = max((cell.seeds for row in table.cells for cell in row), default=0)
    parts = [f"{view.title}, on {view.scope}.", view.note.strip()]
    parts.append(f"Mean ± standard deviation over {seeds} seeds." if seeds > 1 else "One seed.")
    if any(cell.published is not None for row in table.cells for cell in row):
        parts.append(f"Published values: {view.provenance}.")
    if table.caveat:
        parts.append(f"Data: {table.caveat.rstrip('.')}.")
    return " ".join(parts)


def layout_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of text: a measured column each, and a published one where there are values."""
    has_published = [any(row[i].published is not None for row in table.cells) for i in range(len(table.view.columns))]
    headers = ["Section", "Method"]
    for column, published in zip(table.view.columns, has_published, strict=True):
        headers += [column.label, f"{column.label}, published"] if published else [column.label]
    lines = []
    for row, cells in zip(table.view.rows, table.cells, strict=True):
        line = [row.section, row.label]
        for column, cell, published in zip(table.view.columns, cells, has_published, strict=True):
            line += [format_measured(cell, column.digits)]
            line += [format_number(cell.published, column.digits)] if published else []
        lines.append(line)
    return headers, lines


def to_csv(table: Table) -> str:
    """Return full numbers, one row a cell: mean, std, seeds, published and their difference."""
    records = [
        {"section": row.section, "method": row.select.get("method", ""), "label": row.label, "column": column.label}
        | asdict(cell)
        | {"difference": cell.difference}
        for row, cells in zip(table.view.rows, table.cells, strict=True)
        for column, cell in zip(table.view.columns, cells, strict=True)
    ]
    return pd.DataFrame(records).to_csv(index=False)


def to_markdown(table: Table) -> str:
    """Return a Markdown table under its caption."""
    headers, lines = layout_cells(table)
    escaped = [[text.replace("|", r"\|") for text in line] for line in lines]
    return (
        caption(table)
        + "\n\n"
        + pd.DataFrame(escaped, columns=headers).to_markdown(index=False, disable_numparse=True)
        + "\n"
    )


def to_latex(table: Table) -> str:
    """Return a booktabs table environment."""

    def escape(text: str) -> str:
        return "".join(LATEX_ESCAPES.get(character, character) for character in text).replace("±", r"$\pm$")

    headers, lines = layout_cells(table)
    body, section = [], None
    for line in lines:
        if section is not None and line[0] != section:
            body.append(r"\midrule")
        section = line[0]
        body.append(" & ".join(map(escape, line)) + r" \\")
    begin = [r"\begin{table}", r"\centering", rf"\caption{{{escape(caption(table))}}}"]
    begin += [rf"\begin{{tabular}}{{ll{'r' * (len(headers) - 2)}}}", r"\toprule"]
    head = [" & ".join(map(escape, headers)) + r" \\", r"\midrule"]
    return "\n".join([*begin, *head, *body, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def to_json(table: Table) -> str:
    """Return the table as the report reads it: caption, headers and rows of text."""
    headers, lines = layout_cells(table)
    content = {"name": table.view.name, "scope": table.view.scope, "title": table.view.title}
    content |= {"caption": caption(table), "caveat": table.caveat}
    return json.dumps({**content, "headers": headers, "rows": lines}, indent=2, ensure_ascii=False) + "\n"


FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "json": to_json}
