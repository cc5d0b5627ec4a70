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
from workflow_scripts.reporting.fairness import describe_fairness
from workflow_scripts.reporting.findings import describe_controls
from workflow_scripts.reporting.gaps import find_gaps, is_trained_by_older_code
from workflow_scripts.reporting.layouts import read_paper
from workflow_scripts.reporting.shapes import describe_shapes
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
    tables: list[Path],
    figures: list[Path],
    times: list[Path],
    faults: Path,
    runs: list[Path],
    datasets: dict[str, Any],
) -> str:
    """Return the page. tables: JSON files, and their CSV and LaTeX; figures: PNG files, and JSON of those that are
    interactive; sources: meta.json files of packed data; times: time.tsv files of jobs; faults: the table of
    `make faults`; runs: folders of the planned runs. Times and faults may be absent.
    """
    frame = read_rows(rows)
    tested = frame[frame["split"] == "test"]
    described = [describe_source(path) for path in sources]
    contents = [describe_table(path) for path in tables if path.suffix == ".json"]
    return fill_template(
        TEMPLATES / "report.html.j2",
        title="In-Context Symmetries, reproduced",
        experiment=experiment,
        papers=[read_paper(path) for path in papers],
        runs=frame["run"].nunique(),
        seeds=sorted(map(int, frame["seed"].unique())),
        caveats=[s["meta"]["caveat"] for s in described if s["meta"]["caveat"]],
        tables=contents,
        figures=[describe_figure(path) for path in figures if path.suffix == ".png"],
        libraries=embed_libraries(),
        interact=Markup((TEMPLATES / "interact.js").read_text()),
        findings=find_findings(tested, datasets),
        sources=described,
        times=describe_times(times),
        faults=read_json(faults) if faults.exists() else {"rows": []},
        gaps=find_gaps(experiment, [parse_folder(run) for run in runs], frame, papers, datasets),
        provenance=describe_provenance(frame),
    )


def describe_table(path: Path) -> dict[str, Any]:
    """Return a table's content, the numbers its columns are sorted by, and its text in other formats."""
    table: dict[str, Any] = read_json(path)
    copies = {title: path.with_suffix(end) for title, end in (("CSV", ".csv"), ("LaTeX", ".tex"))}
    return table | {
        "missing": any("not run" in row for row in table["rows"]),
        "order": [[_find_number(text) for text in row] for row in table["rows"]],
        "copies": {title: file.read_text() for title, file in copies.items() if file.exists()},
    }


def _find_number(text: str) -> str:
    """Return the number that a cell begins with; "" where there is none, which sorts last or first."""
    found = re.match(r"[-+]?\d*\.?\d+", text)
    return found[0] if found else ""


def describe_figure(path: Path) -> dict[str, Any]:
    """Return a figure's name, image and, where it is interactive, its plotly JSON, safe inside a script element."""
    file = path.with_suffix(".json")
    plotly = Markup(file.read_text().replace("<", "\\u003c")) if file.exists() else None
    return {"name": path.stem, "source": embed_image(path), "plotly": plotly}


def embed_libraries() -> dict[str, Markup]:
    """Return DataTables (of itables) as a data URI with its style, and plotly's source: the page needs no network."""
    bundle = (files("itables") / "html" / "dt_bundle.js").read_bytes()
    return {
        "datatables": Markup(f"data:text/javascript;base64,{base64.b64encode(bundle).decode()}"),
        "style": Markup((files("itables") / "html" / "dt_bundle.css").read_text()),
        "plotly": Markup(get_plotlyjs().replace("</script", "<\\/script")),
    }


def find_findings(rows: pd.DataFrame, datasets: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Return sentences by (data set, table) that they belong under."""
    findings = {}
    for name, entry in datasets.items():
        findings[name, "context_controls"] = describe_controls(rows, name, entry["groups"])
        findings[name, entry["benchmark"]] = describe_fairness(rows, name, entry["groups"])
        findings[name, "context_variants"] = describe_shapes(rows, name, entry["groups"], entry["transformers"])
    return findings


def describe_source(meta: Path) -> dict[str, Any]:
    """Return the name, meta and, where there is one, the contact sheet of a packed source."""
    folder = meta.parent.parent
    sheet = folder / "contact_sheet.png"
    return {"name": folder.name, "meta": read_json(meta), "sheet": embed_image(sheet) if sheet.exists() else None}


def describe_provenance(frame: pd.DataFrame) -> dict[str, Any]:
    """Return where every number comes from, one line a run, and whether its training is older than the code."""
    runs = frame[[*PROVENANCE, "method"]].drop_duplicates().astype(str).sort_values(PROVENANCE)
    lines = []
    for *values, method in runs.values.tolist():
        folder = Path(values[0])
        settings, identity = read_identity(folder) if (folder / "run.json").exists() else ({}, {})
        if is_imported(settings):
            present = "imported"
        else:
            present = "no, older" if is_trained_by_older_code(folder, method) else "yes" if identity else ""
        lines.append([*values, identity.get("code", ""), identity.get("torch", ""), present])
    headers = [name.replace("_", " ") for name in PROVENANCE]
    return {"headers": [*headers, "training code", "torch", "trained with the present code"], "rows": lines}


def embed_image(path: Path) -> str:
    """Return a PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
