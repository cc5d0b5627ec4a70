"""The card beside a run's weights: what they are of, how they were made, what was measured, how to load them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.support.files import read_json

TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = ("representation", "context", "length", "task", "metric", "value")


def describe_model(run: Path, data: Path, rows: list[dict[str, Any]]) -> str:
    """Return the model card of a run in Markdown. data: folder of its packed data. rows: of its evaluation."""
    settings, identity = read_identity(run)
    tested = [row for row in rows if row["split"] == "test"]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.j2").render(
        run=run.as_posix(),
        data=data.as_posix(),
        settings=settings,
        identity=identity,
        meta=read_json(data / "meta.json"),
        config=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        columns=COLUMNS,
        rows=[[row[column] for column in COLUMNS[:-1]] + [f"{row['value']:.4g}"] for row in tested],
    )
