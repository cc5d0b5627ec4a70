"""The card beside a run's weights: what they are of, how they were made, what was measured, how to load them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.support.files import read_json
from workflow_scripts.support.templates import fill_template

TEMPLATE = Path(__file__).parent / "templates" / "model_card.md.j2"
COLUMNS = ("representation", "condition", "level", "task", "metric", "value")


def describe_model(run: Path, data: Path, rows: list[dict[str, Any]]) -> str:
    """Return the model card of a run in Markdown. data: folder of its packed data. rows: of its evaluation."""
    settings, identity = read_identity(run)
    tested = [row for row in rows if row["split"] == "test"]
    return fill_template(
        TEMPLATE,
        run=run.as_posix(),
        data=data.as_posix(),
        settings=settings,
        identity=identity,
        meta=read_json(data / "meta.json"),
        config=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        columns=COLUMNS,
        rows=[[row[column] for column in COLUMNS[:-1]] + [f"{row['value']:.4g}"] for row in tested],
    )
