"""The report: everything a reader needs in one HTML file, with images embedded and text escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.experiment.runs import is_imported, parse_folder
from workflow_scripts.reporting.chapters import describe_chapter, list_findings
from workflow_scripts.reporting.evaluations import describe_skipped
from workflow_scripts.reporting.gaps import find_gaps, is_trained_by_older_code
from workflow_scripts.reporting.overview import describe_scale, describe_totals, list_next_steps
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.pictures import describe_figure, embed_image, embed_libraries
from workflow_scripts.reporting.places import Datasets
from workflow_scripts.reporting.targets import CURVES
from workflow_scripts.reporting.times import describe_times
from workflow_scripts.reporting.verdicts import MEANINGS
from workflow_scripts.rows import read_rows
from workflow_scripts.support.files import read_json
from workflow_scripts.support.templates import fill_template

TEMPLATES = Path(__file__).parent / "templates"
PROVENANCE = ["run", "seed", "config_hash", "data_hash", "code_hash", "device"]
SIGNS = dict(zip(MEANINGS, "✓✗?▲–1", strict=True))  # beside the words, so that colors are not needed


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
    attacks: Path,
) -> str:
    """Return the page.

    papers: folders. sources: meta.json files of packed data. runs: folders of the planned runs. tables, figures: the
    folders of what was made. attacks: what `make attack` wrote. What is absent of them is left out.
    """
    frame = read_rows(rows)
    read = [read_paper(path) for path in papers]
    described = [describe_source(path, figures) for path in sources]
    metas = {source["name"]: source["meta"] for source in described}
    order = [source["name"] for source in described]  # of the config, in which data sets are told, too
    datasets = dict(sorted(datasets.items(), key=lambda item: order.index(item[1]["source"])))
    abouts = {name: metas[entry["source"]] for name, entry in datasets.items()}
    chapters = [describe_chapter(paper, datasets, abouts, tables, figures) for paper in read]
    gaps = find_gaps(experiment, [parse_folder(run) for run in runs], frame, read, datasets, evaluators)
    packed = [meta.parent.parent for meta in sources]
    scale = describe_scale(frame, packed, runs)
    return fill_template(
        TEMPLATES / "report.html.j2",
        experiment=experiment,
        title=" and ".join(paper.title for paper in read),
        scale=scale,
        totals=describe_totals(chapters),
        meanings=MEANINGS,
        signs=SIGNS,
        findings=list_findings(chapters),
        steps=list_next_steps(experiment, chapters, gaps, scale["seeds"]),
        chapters=chapters,
        sources=described,
        training=describe_figure(figures, CURVES),
        gaps=gaps,
        folded={
            "skipped": ("Not measured", describe_skipped(runs)),
            "times": ("Wall-clock time by stage", describe_times(packed, runs)),
            "attacks": ("Attacks, and what became of them", read_attacks(attacks)),
            "provenance": ("Provenance", describe_provenance(frame)),
        },
        libraries=embed_libraries(),
    )


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


def read_attacks(path: Path) -> dict[str, Any]:
    """Return the short table of `make attack`, a line a part; without lines where nobody ran it."""
    content = read_json(path) if path.exists() else {"headers": [], "rows": []}
    return {"headers": content["headers"], "lines": content["rows"]}


def describe_trainer(identity: dict[str, str]) -> str:
    """Return what decided the last digits of a training, "" where older code did not record it."""
    if "device" not in identity:
        return ""
    compiling = f", compile {identity['compile']}" if "compile" in identity else ""
    return f"{identity['device']}, {identity['threads']} CPU thread(s){compiling}"


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
        lines.append(
            [*values, identity.get("code", ""), identity.get("torch", ""), describe_trainer(identity), present]
        )
    headers = [name.replace("_", " ") for name in PROVENANCE]
    return {
        "headers": [*headers, "training code", "torch", "trained on", "trained with the present code"],
        "lines": lines,
    }
