"""How much an experiment reads and writes, from the config alone, before anything starts: images, bytes, trainings.

What was trained already on this machine is not counted again. Sizes of embeddings rest on what methods' settings
declare of their widths, see `support.settings.WidthOf`, and on `models.encoders.widths`; images of a step on the views
that methods declare.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow_scripts.experiment import contents
from workflow_scripts.experiment.kinds import OF_EACH_GROUP
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import Run, get_settings, is_imported, list_groups
from workflow_scripts.models.encoders.widths import WIDTHS, count_features

GIB = 2**30
ROW_BYTES = 1024  # an upper bound: tables are small
ROW_VALUES = 100  # of a row, as an encoder reads it


def count_inputs(config: dict[str, Any], source: str) -> int:
    """Return the number of images, or rows of a table, of a source, train and test together, at most."""
    return contents.count_inputs(config["sources"][source])


def packed_bytes(config: dict[str, Any], source: str) -> int:
    """Return the size of a packed source: uint8 and three channels, or a row of at most `ROW_BYTES`."""
    side = config["sources"][source].get("resolution")
    return int(count_inputs(config, source) * (side**2 * 3 if side else ROW_BYTES))


def embedding_bytes(config: dict[str, Any], run: Run) -> int:
    """Return the size of a run's embeddings, at most: float32, those of each view, and those under each context."""
    settings = get_settings(config, run)
    width = get_width(settings["encoder"], get_resolution(config, run))
    numbers = width
    for what, output in list_widths(settings):
        if what == "context":
            numbers += count_contexts(config, run) * (output or width)
        elif what == "space":
            numbers += 2 * (count_views(config, run) - 1) * (output or width)
        else:
            # Of a method that is trained for one group, its prediction too.
            numbers += (2 if run.group else 1) * (output or width)
    return 4 * count_embedded(config, run) * numbers


def largest_array_bytes(config: dict[str, Any], run: Run) -> int:
    """Return the size of the largest of a run's arrays of embeddings: float32, all splits together."""
    settings = get_settings(config, run)
    width = get_width(settings["encoder"], get_resolution(config, run))
    return 4 * count_embedded(config, run) * max([width, *(output or 0 for _, output in list_widths(settings))])


def count_embedded(config: dict[str, Any], run: Run) -> int:
    """Return how many images, or rows, an evaluation of a run embeds."""
    dataset = config["dataset_settings"][run.dataset]
    return count_inputs(config, dataset["source"]) * (1 + int(dataset["views"].get("evaluation_views", 0)))


def get_width(encoder: dict[str, Any], side: int) -> int:
    """Return the number of features of an encoder of images of a side [pixels]; 0 where it reads rows."""
    if encoder["kind"] in WIDTHS:
        return count_features(encoder["kind"], encoder, side)
    return int(encoder.get("dim") or read_schema("encoders", encoder["kind"])["x-dim"])


def list_widths(settings: dict[str, Any]) -> list[tuple[str, int | None]]:
    """Return, as a run's settings say, what there is an embedding of, see `WidthOf`, and its width.

    A width of None is the encoder's.
    """
    found = []
    for key, own in read_schema("methods", settings["method"])["properties"].items():
        if what := own.get("x-width"):
            value = settings["settings"][key]
            found.append((what, value[-1] if isinstance(value, list) else value))
    return found


def count_contexts(config: dict[str, Any], run: Run) -> int:
    """Return how many embeddings a view has under contexts, at most.

    Under each length of each group, one without an action and one with the true one; one without where all actions are
    hidden; one under each length of each control, and of each group under each length of each further draw.
    """
    contexts = config["evaluation"]["contexts"]
    lengths, groups = len(contexts["lengths"]), len(list_groups(config["dataset_settings"][run.dataset]))
    if not read_schema("methods", run.method)["x-uses_actions"]:
        return lengths
    controls = sum(groups if name in OF_EACH_GROUP else 1 for name in contexts["controls"])
    draws = (contexts["draws"] - 1) * groups * len(contexts["draw_lengths"])
    return 2 * groups * lengths + lengths + controls * len(contexts["control_lengths"]) + draws


def is_trained(run: Run) -> bool:
    """Tell whether runs of a method are trained; a control that is not is evaluated as it was initialised."""
    return bool(read_schema("methods", run.method)["x-trains"])


def count_trained(config: dict[str, Any], run: Run) -> int:
    """Return how many views a run's training still has to read: 0 where its weights exist."""
    return 0 if (Path(run.folder) / "weights.safetensors").exists() else count_read(config, run)


def count_read(config: dict[str, Any], run: Run) -> int:
    """Return how many views a run's whole training reads: 0 where it has none."""
    settings = get_settings(config, run)
    if is_imported(settings) or not is_trained(run):
        return 0
    return int(count_views(config, run) * settings["training"]["steps"] * settings["training"]["batch"])


def count_views(config: dict[str, Any], run: Run) -> int:
    """Return how many views of an object a step of a run's method reads."""
    settings, schema = get_settings(config, run), read_schema("methods", run.method)
    names = [settings["settings"][key] for key, own in schema["properties"].items() if own.get("x-one_view_each")]
    each = sum(len(list_groups(settings["dataset"]) if listed is None else listed) for listed in names)
    return int(schema["x-views"]) + each


def count_passes(method: str) -> int:
    """Return how often a step of a method encodes each view that it reads."""
    return int(read_schema("methods", method).get("x-passes", 1))


def get_resolution(config: dict[str, Any], run: Run) -> int:
    """Return the side of the images that a run reads [pixels]; 0 for rows of a table."""
    source = config["sources"][config["dataset_settings"][run.dataset]["source"]]
    return int(source.get("resolution") or 0)


def count_values(config: dict[str, Any], run: Run) -> int:
    """Return how many numbers an image has, or a row of a table, roughly."""
    return get_resolution(config, run) ** 2 * 3 or ROW_VALUES
