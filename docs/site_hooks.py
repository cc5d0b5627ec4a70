"""What MkDocs does differently here: pages that stand at the repository's top, and titles of code blocks."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}  # page by file
# ```python workflow_scripts/methods/mine.py: GitHub shows the language, tests write the file.
TITLED = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
# What only the repository's host can show.
HOSTED = re.compile(r"^\[!\[[^\]]*\]\(\.\./\.\./actions/.*\n", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the repository's top."""
    for name, page in TOP.items():
        files.append(File.generated(config, page, content=move_links((ROOT / name).read_text())))
    return files


def move_links(text: str) -> str:
    """Return a page of the repository's top as one of docs/: its links to files and to other pages."""
    for name, page in TOP.items():
        text = re.sub(rf"\]\({re.escape(name)}(?=[)#])", f"]({page}", text)
    return HOSTED.sub("", text).replace("](docs/", "](")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Set the file that a block of code stands for as its title, and leave the room of an empty column to the text."""
    page.meta.setdefault("hide", ["navigation"])
    return TITLED.sub(r'```\1 title="\2"', markdown)
