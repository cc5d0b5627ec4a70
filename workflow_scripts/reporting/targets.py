"""What reporting makes: the names of tables and figures that papers have for the selected data sets.

Used when the workflow is planned: it imports neither pandas nor a plotting library.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workflow_scripts.reporting.papers import Paper, read_paper
from workflow_scripts.reporting.places import SCORECARD, Datasets, Place, list_judged, list_places

TABLE_ENDINGS = ("csv", "md", "tex", "json")
FIGURE_ENDINGS = ("png", "pdf")  # of every figure
DRAWN_ENDINGS = (*FIGURE_ENDINGS, "svg", "json")  # of one of lines and text; JSON of plotly
CURVES = "training_curves"  # the figure of every run's loss

Folders = Iterable[str | Path]  # of papers


def list_tables(papers: Iterable[Paper], datasets: Datasets) -> list[Place]:
    """Return, paper by paper, scorecards and then tables."""
    places = []
    for paper in papers:
        places += [Place(paper.name, dataset, SCORECARD) for dataset in list_judged(paper, datasets)]
        places += [place for place in list_places(paper, datasets) if "columns" in paper.views[place.table]]
    return places


def list_table_files(papers: Folders, datasets: Datasets) -> list[str]:
    """Return the files of all tables, in the folder of tables."""
    return [
        f"{place.stem}.{ending}" for place in list_tables(map(read_paper, papers), datasets) for ending in TABLE_ENDINGS
    ]


def list_summaries(papers: Folders, datasets: Datasets) -> list[str]:
    """Return the Markdown file of the first table of each paper and scope, in the folder of tables."""
    tables = [place for place in list_tables(map(read_paper, papers), datasets) if place.table != SCORECARD]
    first = {(place.paper, place.scope): place for place in reversed(tables)}
    return [f"{place.stem}.md" for place in tables if first[place.paper, place.scope] == place]


def list_figure_files(papers: Folders, datasets: Datasets, images: Iterable[str]) -> list[str]:
    """Return the files of all figures, in the folder of figures. images: sources that hold images."""
    endings: dict[str, tuple[str, ...]] = {}
    for paper in map(read_paper, papers):
        for place in list_places(paper, datasets):
            if figure := paper.figures.get(place.table):
                endings[place.stem] = DRAWN_ENDINGS if figure.interactive else FIGURE_ENDINGS
    endings |= {f"{source}.samples": FIGURE_ENDINGS for source in images}
    endings[CURVES] = DRAWN_ENDINGS
    return [f"{stem}.{ending}" for stem, own in endings.items() for ending in own]


def keep_read_settings(papers: Folders, datasets: Datasets) -> Datasets:
    """Return the data sets with only those settings of runs that some finding reads: command lines stay short."""
    read = {
        name
        for paper in map(read_paper, papers)
        for findings in paper.findings.values()
        for finding in findings
        for name in finding.reads
    }

    def keep(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        kept = {run: {key: value for key, value in own.items() if key in read} for run, own in settings.items()}
        return {run: own for run, own in kept.items() if own}

    return {name: {**entry, "settings": keep(entry["settings"])} for name, entry in datasets.items()}
