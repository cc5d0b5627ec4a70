"""Blocks of a document that are generated: between `<!-- name -->` and `<!-- end -->`, each on a line of its own."""

from __future__ import annotations

import re

from workflow_scripts.support.errors import UserError


def fill_blocks(text: str, blocks: dict[str, str], origin: str) -> str:
    """Return a document with its blocks made anew. blocks: by name. origin: the file, for a message.

    Raises `UserError` where the document has no such block, or has it twice.
    """
    for name, content in blocks.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{end}", re.DOTALL)
        text, count = pattern.subn(lambda _, new=f"{begin}\n{content}\n{end}": new, text)  # type: ignore[misc]
        if count != 1:
            raise UserError(
                f"{origin} has {count} blocks `{name}`; write <!-- {name} --> and, below, <!-- end --> where it belongs"
            )
    return text


def set_table(headers: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table, each line on one line of text, without columns in which nothing stands."""
    used = [i for i in range(len(headers)) if any(line[i] for line in lines)]
    body = [[_escape(line[i]) for i in used] for line in lines]
    rows = [[headers[i] for i in used], ["---"] * len(used), *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _escape(cell: str) -> str:
    return " ".join(cell.replace("|", r"\|").split())


def make_anchor(heading: str) -> str:
    """Return the anchor that GitHub and MkDocs make of a heading of plain words."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-")
