"""The report: everything a reader needs in one HTML file, with images embedded and text escaped."""

from __future__ import annotations

import base64
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.experiment.runs import is_imported, parse_folder
from workflow_scripts.reporting.evaluations import describe_skipped
from workflow_scripts.reporting.gaps import find_gaps, is_trained_by_older_code
from workflow_scripts.reporting.papers import Paper, read_paper
from workflow_scripts.reporting.places import Datasets, list_places
from workflow_scripts.reporting.targets import CURVES, list_tables
from workflow_scripts.reporting.times import describe_times
from workflow_scripts.rows import read_rows
from workflow_scripts.support.files import read_json
from workflow_scripts.support.templates import fill_template

TEMPLATES = Path(__file__).parent / "templates"
PROVENANCE = ["run", "seed", "config_hash", "data_hash", "code_hash", "device"]


def make_page(
    experiment: str,
    rows: Path,
    papers: list[Path],
    sources: list[Path],
    datasets: Datasets,
    runs: list[Path],
    evaluators: list[str],
    tables: Path,
    figures: Path,
    faults: Path,
) -> str:
    """Return the page.

    papers: folders. sources: meta.json files of packed data. runs: folders of the planned runs. tables, figures: the
    folders of what was made. faults: the table of `make faults`. What is absent of them is left out.
    """
    frame = read_rows(rows)
    read = [read_paper(path) for path in papers]
    described = [describe_source(path, figures) for path in sources]
    return fill_template(
        TEMPLATES / "report.html.j2",
        experiment=experiment,
        title=": ".join([experiment, *([" and ".join(paper.title for paper in read)] if read else [])]),
        chapters=[describe_chapter(paper, datasets, tables, figures) for paper in read],
        runs=frame["run"].nunique(),
        seeds=sorted(map(int, frame["seed"].unique())),
        caveats=list(dict.fromkeys(filter(None, (source["meta"]["caveat"] for source in described)))),
        sources=described,
        training=describe_figure(figures, CURVES),
        skipped=describe_skipped(runs),
        gaps=find_gaps(experiment, [parse_folder(run) for run in runs], frame, read, datasets, evaluators),
        times=describe_times([meta.parent.parent for meta in sources], runs),
        faults=read_faults(faults),
        provenance=describe_provenance(frame),
        libraries=embed_libraries(),
        interact=Markup((TEMPLATES / "interact.js").read_text()),
    )


def describe_chapter(paper: Paper, datasets: Datasets, tables: Path, figures: Path) -> dict[str, Any]:
    """Return a paper's sections: scorecards, tables with their figures, and figures without a table."""
    sections = []
    for place in list_tables([paper], datasets):
        if (path := tables / f"{place.stem}.json").exists():
            sections.append(
                {"stem": place.stem, "table": describe_table(path), "figure": describe_figure(figures, place.stem)}
            )
    for place in list_places(paper, datasets):
        view = paper.views[place.table]
        figure = describe_figure(figures, place.stem)
        if "columns" not in view and figure:
            about = {"title": view["title"], "scope": place.scope, "note": view["note"]}
            sections.append({"stem": place.stem, "table": None, "figure": figure, **about})
    return {"paper": paper, "sections": sections}


def describe_table(path: Path) -> dict[str, Any]:
    """Return a table's content, the numbers its columns are sorted by, and its text in other formats."""
    table: dict[str, Any] = read_json(path)
    copies = {title: path.with_suffix(end) for title, end in (("CSV", ".csv"), ("LaTeX", ".tex"))}
    return table | {
        "missing": any("not run" in line for line in table["lines"]),
        "order": [[_find_number(text) for text in line] for line in table["lines"]],
        "copies": {title: file.read_text() for title, file in copies.items() if file.exists()},
    }


def _find_number(text: str) -> str:
    """Return the number that a cell begins with; "" where there is none, which sorts last or first."""
    found = re.match(r"[-+]?\d*\.?\d+", text)
    return found[0] if found else ""


def describe_figure(folder: Path, stem: str) -> dict[str, Any] | None:
    """Return a figure's image and, where it is interactive, its plotly JSON, safe inside a script element.

    stem: its path in the folder, without the ending. None where there is no such figure.
    """
    image, file = folder / f"{stem}.png", folder / f"{stem}.json"
    if not image.exists():
        return None
    plotly = Markup(file.read_text().replace("<", "\\u003c")) if file.exists() else None
    return {"name": stem, "source": embed_image(image), "plotly": plotly}


def embed_libraries() -> dict[str, Markup]:
    """Return DataTables (of itables) as a data URI with its style, and plotly's source: the page needs no network."""
    bundle = (files("itables") / "html" / "dt_bundle.js").read_bytes()
    return {
        "datatables": Markup(f"data:text/javascript;base64,{base64.b64encode(bundle).decode()}"),
        "style": Markup((files("itables") / "html" / "dt_bundle.css").read_text()),
        "plotly": Markup(get_plotlyjs().replace("</script", "<\\/script")),
    }


def describe_source(meta: Path, figures: Path) -> dict[str, Any]:
    """Return the name, meta and, where there are any, the samples and the contact sheet of a packed source."""
    folder = meta.parent.parent
    sheet = folder / "contact_sheet.png"
    return {
        "name": folder.name,
        "meta": read_json(meta),
        "samples": describe_figure(figures, f"{folder.name}.samples"),
        "sheet": embed_image(sheet) if sheet.exists() else None,
    }


def read_faults(path: Path) -> dict[str, Any]:
    """Return the table of `make faults`, without lines where nobody ran it."""
    content = read_json(path) if path.exists() else {"headers": [], "rows": []}
    return {"headers": content["headers"], "lines": content["rows"]}


def describe_provenance(frame: pd.DataFrame) -> dict[str, Any]:
    """Return where every number comes from, one line a run, and whether its training is older than the code."""
    runs = frame[PROVENANCE].drop_duplicates().astype(str).sort_values(PROVENANCE)
    lines = []
    for values in runs.values.tolist():
        folder = Path(values[0])
        settings, identity = read_identity(folder) if (folder / "run.json").exists() else ({}, {})
        if settings and is_imported(settings):
            present = "imported"
        else:
            present = "no, older" if is_trained_by_older_code(folder) else "yes" if identity else ""
        lines.append([*values, identity.get("code", ""), identity.get("torch", ""), present])
    headers = [name.replace("_", " ") for name in PROVENANCE]
    return {"headers": [*headers, "training code", "torch", "trained with the present code"], "lines": lines}


def embed_image(path: Path) -> str:
    """Return a PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
